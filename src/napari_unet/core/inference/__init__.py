"""Inference: a model runs over frames tile by tile, with the outputs that the whole frames would give.

May import `model`, `unet`, `tiling` and `image`.
"""
