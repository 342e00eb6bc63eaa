"""Train the model "nuclei-3d": nuclei in confocal volumes of plant tissue, 3-D, as objects.

    python training/nuclei_3d.py [--data ../shared/data] [--steps N] [-o FILE]

There is one labelled volume, ../shared/data/nuclei-3d (GoNuclear, ovule of Arabidopsis). Its rows from
ASIDE on are set aside to judge the model by; nothing beyond them is seen in training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tifffile
from recipe import chosen, schedule, train

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAME = "nuclei-3d"
ASIDE = 64
"""The first row of those that are set aside."""
VOXEL = (0.2837, 0.1268, 0.1268)
"""Voxel size in µm, Z Y X."""


def volume(data: Path) -> tuple[Image, NDArray[Any]]:
    """Return the whole volume and its nuclei."""
    folder = data / "nuclei-3d"
    scale = dict(zip("ZYX", VOXEL, strict=True))
    pixels = tifffile.imread(folder / "volume.tif")
    image = Image(pixels, "ZYX", scale=scale, unit="µm", name="nuclei-3d")
    return image, tifffile.imread(folder / "objects.tif").astype("int32")


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=2500)
    image, nuclei = volume(options.data)
    seen = Image(image.data[:, :ASIDE], "ZYX", image.scale, image.unit, image.name)
    train(
        [Annotation(seen, nuclei[:, :ASIDE], "objects")],
        NewModel(ndim=3, base=16, depth=3, task="objects", spacing=VOXEL, name=NAME),
        schedule(
            steps=options.steps,
            patch=64,
            average=0.99,
            augment=AugmentOptions(scale=0.2, gamma=0.4),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Nuclei in confocal volumes of plant tissue, 3-D, as objects.",
        license="MIT (data)",
        citation=("Vijayan et al. 2024, Development, 10.1242/dev.202800",),
        pixel_size=VOXEL,
    )


if __name__ == "__main__":
    main()
