"""The network: its architecture, its layers, and activation checkpointing in training.

May import `tiling` and `image`.
"""
