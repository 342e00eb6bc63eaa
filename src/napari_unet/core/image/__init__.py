"""What an image is: its axes, how intensities are normalised, and on which pixels labels lie.

May import `errors` and `progress`.
"""
