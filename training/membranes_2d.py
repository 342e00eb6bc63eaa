"""Train the model "membranes-em": cell membranes in electron micrographs, 2-D, pixel by pixel.

    python training/membranes_2d.py [--data ../shared/data] [--steps N] [-o FILE]

Slices are those of ../shared/data/em-isbi2012 (Drosophila ventral nerve cord, serial sections of 4 nm a
pixel, 50 nm apart). The last ones, ASIDE of them, are set aside to judge the model by: neighbours look
alike, so that a block says more than single slices between those trained on.

The cells are learnt as objects that touch, so that thin membranes weigh as much as in Ronneberger,
Fischer, Brox 2015 (10.1007/978-3-319-24574-4_28); the model then says the opposite, the membranes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np
import tifffile
import torch
from recipe import chosen, schedule, train

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAME = "membranes-em"
ASIDE = 5
"""Slices that are set aside."""
THRESHOLD = 0.3
"""That with the best Rand score on slices trained on (0.2: 0.984, 0.3 to 0.5: 0.987, 0.7: 0.984)."""
PIXEL = 0.004
"""Pixel size in µm."""


def slices(data: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return all slices, and where their membranes are."""
    folder = data / "em-isbi2012"
    return tifffile.imread(folder / "volume.tif"), tifffile.imread(folder / "labels.tif") == 0


def image(pixels: NDArray[Any]) -> Image:
    """Return slices as an image."""
    return Image(pixels, "ZYX", scale={"Y": PIXEL, "X": PIXEL}, unit="µm", name="em")


def cells(membranes: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the cells of each slice."""
    planes = [cc3d.connected_components(~plane, connectivity=4) for plane in membranes]
    return np.stack(planes).astype("int32")


def of_membranes(model: Model) -> Model:
    """Return a model of cells as one of what is between them: 1 - sigmoid(x) is sigmoid(-x)."""
    spec = model.spec.model_copy(update={"classes": ("membrane",), "threshold": THRESHOLD})
    with torch.no_grad():
        for parameter in model.network.head.parameters():
            parameter.neg_()
    return Model(spec, model.network)


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=2500)
    pixels, membranes = slices(options.data)
    train(
        [Annotation(image(pixels[:-ASIDE]), cells(membranes[:-ASIDE]), "objects")],
        NewModel(base=16, classes=("cell",), name=NAME),
        schedule(
            steps=options.steps,
            patch=256,
            average=0.995,
            border_weight=5.0,
            augment=AugmentOptions(scale=0.2, gamma=0.4),
            name=NAME,
        ),
        options.output,
        of_membranes,
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
