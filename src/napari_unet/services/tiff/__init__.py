"""Reads and writes TIFF, plane by plane, with its metadata.

May import `core`.
"""
