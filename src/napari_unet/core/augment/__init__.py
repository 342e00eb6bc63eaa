"""Random deformations and changes of intensity, drawn once and applied to image and labels alike.

May import `image`.
"""
