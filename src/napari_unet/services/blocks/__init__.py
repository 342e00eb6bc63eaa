"""Images segmented by blocks: larger than memory, on several processes, resumed after a kill.

May import `segmentation` and `files`.
"""
