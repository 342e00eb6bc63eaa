"""Compares labels with true ones, and measures objects.

May import `segmentation`, `files` and `core`.
"""
