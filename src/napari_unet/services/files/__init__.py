"""Opens images and saves results.

May import `tiff` and `core`.
"""
