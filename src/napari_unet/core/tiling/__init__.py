"""Tiles: which windows of an image to read, and which pixels of each to keep. Integers only.

May import `image`.
"""
