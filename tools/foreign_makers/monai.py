"""MONAI: BasicUNet, UNet, DynUNet and SegResNet."""

from functools import partial

import numpy as np
from monai.networks import nets
from monai.transforms import NormalizeIntensity

from foreign_makers.made import Made, raw_image, saver


def make(
    kind, *, size: tuple = (96, 64), image_channels: int = 1, classes: int = 2, **options
) -> Made:
    network = kind(
        spatial_dims=len(size), in_channels=image_channels, out_channels=classes, **options
    )

    def preprocess(image):
        return np.asarray(NormalizeIntensity(channel_wise=True)(image.astype(np.float32)))

    return Made(network, raw_image(image_channels, *size), saver(network), preprocess)


BASIC = {"features": (4, 4, 4, 6, 6, 4)}
UNET = {"channels": (4, 6, 8), "strides": (2, 2)}
BATCH = {"norm": "batch"}

MAKERS = {
    "monai_basic": (
        partial(make, nets.BasicUNet, features=(2, 2, 3, 3, 4, 2), size=(32, 16)),
        True,
    ),
    "monai_basic_batch": (
        partial(
            make, nets.BasicUNet, size=(320, 256), classes=3, image_channels=2, **BASIC, **BATCH
        ),
        False,
    ),
    "monai_basic_3d": (partial(make, nets.BasicUNet, size=(32, 16, 32), **BASIC), False),
    "monai_unet": (
        partial(make, nets.UNet, size=(32, 32), **{**UNET, "channels": (2, 3, 4)}),
        True,
    ),
    "monai_unet_batch": (partial(make, nets.UNet, size=(160, 160), **UNET, **BATCH), False),
    "monai_unet_residual": (
        partial(make, nets.UNet, num_res_units=2, size=(64, 64), **UNET),
        False,
    ),
    "monai_unet_residual_batch": (
        partial(make, nets.UNet, num_res_units=2, size=(160, 192), classes=4, **UNET, **BATCH),
        False,
    ),
    "monai_unet_3d": (partial(make, nets.UNet, num_res_units=1, size=(16, 32, 32), **UNET), False),
    "monai_dynunet": (
        partial(
            make,
            nets.DynUNet,
            size=(24, 24),
            kernel_size=(3, 3, 3),
            strides=(1, 2, 2),
            upsample_kernel_size=(2, 2),
            filters=(2, 3, 4),
        ),
        True,
    ),
    "monai_dynunet_residual_batch": (
        partial(
            make,
            nets.DynUNet,
            size=(160, 192),
            kernel_size=(3, 3, 3),
            strides=(1, 2, 2),
            upsample_kernel_size=(2, 2),
            filters=(4, 6, 8),
            res_block=True,
            norm_name="batch",
        ),
        False,
    ),
    "monai_dynunet_3d_supervised": (
        partial(
            make,
            nets.DynUNet,
            size=(12, 32, 32),
            kernel_size=((1, 3, 3), 3, 3),
            strides=(1, (1, 2, 2), 2),
            upsample_kernel_size=((1, 2, 2), 2),
            filters=(4, 6, 8),
            deep_supervision=True,
            deep_supr_num=1,
            trans_bias=True,
        ),
        False,
    ),
    "monai_segresnet": (
        partial(
            make, nets.SegResNet, size=(16, 24), init_filters=8, blocks_down=(1, 1), blocks_up=(1,)
        ),
        True,
    ),
    "monai_segresnet_3d": (
        partial(
            make,
            nets.SegResNet,
            size=(16, 16, 24),
            init_filters=8,
            classes=3,
            upsample_mode="deconv",
        ),
        False,
    ),
    "monai_segresnet_batch": (
        partial(make, nets.SegResNet, size=(320, 256), init_filters=8, norm="batch"),
        False,
    ),
}
