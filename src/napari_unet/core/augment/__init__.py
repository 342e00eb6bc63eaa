"""Augmentation: random deformations of image and labels alike, and changes of intensity.

May import `image`.
"""
