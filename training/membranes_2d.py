"""Train the model "membranes-em": cell membranes in electron micrographs, 2-D, pixel by pixel.

    python training/membranes_2d.py [--data ../shared/data] [--steps N] [-o FILE]

Slices are those of ../shared/data/em-isbi2012 (Drosophila ventral nerve cord, serial sections of 4 nm a
pixel, 50 nm apart). The last ones, ASIDE of them, are set aside to judge the model by: neighbours look
alike, so that a block says more than single slices between those trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tifffile
from recipe import chosen, train

from napari_unet.core.annotations import Annotation
from napari_unet.core.augment import AugmentOptions
from napari_unet.core.axes import Image
from napari_unet.core.initial import Blank
from napari_unet.services.finetune import FinetuneOptions

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NAME = "membranes-em"
ASIDE = 5
"""Slices that are set aside."""
PIXEL = 0.004
"""Pixel size in µm."""


def slices(data: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return all slices, and where their membranes are."""
    folder = data / "em-isbi2012"
    return tifffile.imread(folder / "volume.tif"), tifffile.imread(folder / "labels.tif") == 0


def image(pixels: NDArray[Any]) -> Image:
    """Return slices as an image."""
    return Image(pixels, "ZYX", scale={"Y": PIXEL, "X": PIXEL}, unit="µm", name="em")


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=2500)
    pixels, membranes = slices(options.data)
    train(
        [Annotation(image(pixels[:-ASIDE]), membranes[:-ASIDE].astype("int32"), "classes")],
        Blank(base=16, classes=("membrane",), name=NAME),
        FinetuneOptions(
            steps=options.steps,
            minutes=None,
            batch=2,
            patch=256,
            learning_rate=2e-3,
            average=0.995,
            held_out=0,
            augment=AugmentOptions(scale=0.2, gamma=0.4),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Membranes of neurites in serial-section electron micrographs, 2-D.",
        license="data of the ISBI 2012 challenge: for research",
        citation=(
            "Cardona et al. 2010, PLoS Biology, 10.1371/journal.pbio.1000502",
            "Arganda-Carreras et al. 2015, Frontiers in Neuroanatomy, 10.3389/fnana.2015.00142",
        ),
        pixel_size=(PIXEL, PIXEL),
    )


if __name__ == "__main__":
    main()
