"""napari widgets: forms that hold no rules."""
