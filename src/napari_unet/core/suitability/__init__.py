"""Which networks suit an image, by a quick look at it.

May import `model`, `image` and what they stand on.
"""
