"""napari's layers turned into images, and results into layers.

Imports no other wing of gui.
"""
