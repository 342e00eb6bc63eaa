"""The use cases, shared by the viewer and the command line."""
