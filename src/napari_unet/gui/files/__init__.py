"""Files as napari opens and saves them: through the same door as the command line.

May import `layers`.
"""
