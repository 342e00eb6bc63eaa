"""What ``studio.py`` does before anything is installed: imports the standard library only."""
