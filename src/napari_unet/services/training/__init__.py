"""Tunes a network on annotations, and keeps what there is to know of it.

May import `segmentation`, `files` and `core`.
"""
