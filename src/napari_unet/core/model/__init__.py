"""Models: their description, their file, and fitting them to other classes, tasks or channels.

May import `unet`, `image` and the ground.
"""
