"""Foreign weights to :class:`~napari_unet.core.model.Model`: one small file a format."""
