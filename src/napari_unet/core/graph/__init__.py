"""Networks described layer by layer: for those of other programs that are no `UNetConfig`.

May import `unet`.
"""
