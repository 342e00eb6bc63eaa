"""Model files for U-Net Studio, which finds them by the entry point of this package."""
