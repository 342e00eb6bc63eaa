"""Which windows of an image to read and which pixels of each to keep: integers only.

May import `image`.
"""
