"""torch-em: U-Nets in 2-D and 3-D with each of its norms."""

from functools import partial

from torch_em.model import AnisotropicUNet, UNet2d, UNet3d
from torch_em.transform.raw import standardize

from foreign_makers.made import Made, raw_image, saver


def make(
    kind,
    *,
    size: tuple = (96, 64),
    channels: int = 1,
    classes: int = 2,
    trainer: bool = False,
    **options,
) -> Made:
    options = {"initial_features": 4, **options}
    network = kind(channels, classes, **options)
    wrap = lambda state: {  # noqa: E731
        "model_state": state,
        "epoch": 3,
        "init": {"model_class": "X", "model_kwargs": options},
    }
    save = saver(network, wrap) if trainer else saver(network)
    return Made(
        network,
        raw_image(channels, *size),
        save,
        lambda image: standardize(image.astype("float32")),
    )


MAKERS = {
    "torch_em_2d": (partial(make, UNet2d, depth=2), False),
    "torch_em_2d_batch": (partial(make, UNet2d, depth=2, norm="BatchNorm", size=(128, 160)), False),
    "torch_em_2d_batch_small": (
        partial(make, UNet2d, depth=1, norm="BatchNorm", size=(64, 16), initial_features=2),
        True,
    ),
    "torch_em_2d_group": (partial(make, UNet2d, depth=2, norm="GroupNorm", channels=2), False),
    "torch_em_2d_tracked": (partial(make, UNet2d, depth=2, norm="InstanceNormTrackStats"), False),
    "torch_em_3d": (partial(make, UNet3d, depth=2, size=(16, 24, 16)), False),
    "torch_em_anisotropic": (
        partial(
            make,
            AnisotropicUNet,
            scale_factors=[[1, 2, 2], [2, 2, 2]],
            size=(4, 12, 12),
            initial_features=2,
            trainer=True,
        ),
        True,
    ),
    "torch_em_anisotropic_kernel": (
        partial(
            make,
            AnisotropicUNet,
            scale_factors=[[1, 2, 2], [2, 2, 2]],
            size=(8, 24, 24),
            anisotropic_kernel=True,
            norm=None,
            trainer=True,
        ),
        False,
    ),
}
