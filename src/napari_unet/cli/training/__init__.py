"""`napari-unet finetune`: what it asks, and what it tells."""
