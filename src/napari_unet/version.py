"""The version, where services can have it without the package's public names."""

__version__ = "0.1.0"
