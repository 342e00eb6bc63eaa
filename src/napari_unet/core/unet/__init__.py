"""The network: its description, its layers, and how its activations are checkpointed.

May import `tiling` and `image`.
"""
