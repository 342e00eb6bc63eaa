"""Fine-tunes a network on annotations, and records how.

May import `segmentation`, `files` and `core`.
"""
