"""pytorch-3dunet: UNet3D and ResidualUNet3D, with the configuration that training writes."""

from functools import partial

import yaml
from pytorch3dunet.augment import transforms
from pytorch3dunet.unet3d.model import ResidualUNet3D, UNet2D, UNet3D

from foreign_makers.made import Made, raw_image, saver


def make(
    kind,
    *,
    size: tuple = (16, 24, 24),
    classes: int = 2,
    raw: dict | None = None,
    configured: bool = False,
    **options,
) -> Made:
    raw = raw or {"name": "Standardize"}
    options = {
        "f_maps": [4, 6, 8],
        "final_sigmoid": False,
        "num_groups": 2 if configured else 8,
        **options,
    }
    network = kind(1, classes, **options)
    # what it gives in evaluation is a probability
    network.final_activation = None

    def preprocess(image):
        arguments = {key: value for key, value in raw.items() if key != "name"}
        normalised = getattr(transforms, raw["name"])(**arguments)(image[0].astype("float32"))
        return normalised[None].astype("float32")

    plain = saver(network, lambda state: {"model_state_dict": state, "num_epochs": 3})

    def save(folder, name):
        if not configured:
            plain(folder, name)
            return
        (folder / name).mkdir(parents=True, exist_ok=True)
        plain(folder / name, "best_checkpoint")
        config = {
            "model": {"name": kind.__name__, "in_channels": 1, "out_channels": classes, **options},
            "loaders": {
                "test": {"transformer": {"raw": [raw, {"name": "ToTensor", "expand_dims": True}]}}
            },
        }
        (folder / name / "config.yaml").write_text(yaml.safe_dump(config))

    return Made(network, raw_image(1, *size), save, preprocess)


MAKERS = {
    "pytorch3dunet": (partial(make, UNet3D, f_maps=[8, 16]), False),
    "pytorch3dunet_configured": (
        partial(
            make,
            UNet3D,
            configured=True,
            layer_order="gcl",
            raw={"name": "PercentileNormalizer", "pmin": 1.0, "pmax": 99.6},
        ),
        False,
    ),
    "pytorch3dunet_batch": (
        partial(make, UNet3D, layer_order="bcr", f_maps=[4, 6], size=(40, 40, 40)),
        False,
    ),
    "pytorch3dunet_small": (
        partial(make, UNet2D, f_maps=[2, 4], layer_order="cbe", configured=True, size=(32, 24)),
        False,
    ),
    "pytorch3dunet_residual": (partial(make, ResidualUNet3D, f_maps=[8, 16]), False),
    "pytorch3dunet_residual_batch": (
        partial(
            make,
            ResidualUNet3D,
            f_maps=[2, 4],
            size=(12, 36, 12),
            layer_order="cbe",
            configured=True,
        ),
        True,
    ),
    "pytorch3dunet_configured_small": (
        partial(
            make,
            UNet3D,
            f_maps=[2, 4],
            size=(8, 8, 8),
            configured=True,
            layer_order="gcl",
            raw={"name": "Standardize", "mean": 2000.0, "std": 900.0},
        ),
        True,
    ),
}
