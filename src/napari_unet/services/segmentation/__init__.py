"""Segments an image or a folder, and finds labels anew in kept outputs.

May import `files` and `core`.
"""
