"""Objects of frames that are too large for memory: labelled by blocks, joined, numbered as in the whole.

May import `objects`.
"""
