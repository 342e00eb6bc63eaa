"""OME-Zarr 0.4 and 0.5: images and plates in, labels out.

May import `core`.
"""
