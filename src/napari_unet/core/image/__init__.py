"""Images: their axes and frames, normalisation, resampling, and whether labels fit them.

May import `errors` and `progress`.
"""
