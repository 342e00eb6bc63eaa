"""U-Net Studio: segment microscopy stacks with a U-Net, in napari, Python or the command line."""

__version__ = "0.1.0"
