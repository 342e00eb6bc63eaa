"""What was painted: what it says of each pixel, where it applies, and what is held out.

May import `model` and `image`.
"""
