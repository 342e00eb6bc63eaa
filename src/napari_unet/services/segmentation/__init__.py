"""Segments images and folders, and derives labels again from cached outputs.

May import `files` and `core`.
"""
