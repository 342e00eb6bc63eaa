"""A network at work on frames: tiles in, the whole image's outputs out.

May import `model`, `unet`, `tiling` and `image`.
"""
