"""Train the model "cells-phase-u373": cells in phase contrast, 2-D, as objects.

    python training/cells_phase_u373.py [--data ../shared/data] [--steps N] [-o FILE]

Frames are those of ../shared/data/phase-u373 (PhC-C2DH-U373 of the Cell Tracking Challenge, sequence
01) that have labels. ASIDE of them, drawn by a seeded rule, are set aside to judge the model by: they
show the same cells at other times. Cells that lie beyond the challenge's field of interest are not
labelled: what is learnt is the field, and the cells that reach out of it.

Cells are large, so half of the resolution is enough, and three steps down see more than a cell. Patches
are small, so that most of what is looked at is cells: they cover a twentieth of a frame.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from recipe import chosen, schedule, train
from scipy.ndimage import find_objects
from skimage.util import view_as_blocks

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.image.axes import Image
from napari_unet.core.image.resample import Resampled
from napari_unet.core.model.adapt import NewModel

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAME = "cells-phase-u373"
ASIDE = 4
"""Labelled frames that are set aside."""
PIXEL = 0.65
"""Pixel size in µm."""
COARSER = 2
"""How many times as large the pixels are that are learnt from."""
FIELD = 50
"""Pixels between the image's edge and the field of interest."""
MARGIN = 4
"""Pixels around a labelled cell in which there is no other."""


def split(data: Path) -> tuple[list[Annotation], list[Annotation]]:
    """Return the frames to train with, coarser, and those set aside."""
    folder = data / "phase-u373"
    stack = tifffile.imread(folder / "stack.tif")
    every = sorted((folder / "objects").iterdir())
    aside = set(random.Random("cells-phase").sample(range(len(every)), ASIDE))
    parts: tuple[list[Annotation], list[Annotation]] = ([], [])
    for i, path in enumerate(every):
        pixels, cells = stack[int(path.stem[1:])], tifffile.imread(path).astype("int32")
        if i in aside:
            parts[1].append(annotation(pixels, cells, path.stem))
        else:
            parts[0].append(annotation(*_coarser(pixels, cells), path.stem, COARSER))
    return parts


def annotation(
    pixels: NDArray[Any], cells: NDArray[np.int32], name: str, coarser: int = 1
) -> Annotation:
    """Return what is known of a frame, whose pixels are so many times as large."""
    size = PIXEL * coarser
    image = Image(pixels, "YX", {"Y": size, "X": size}, "µm", name=name)
    edge, margin = FIELD // coarser, MARGIN // coarser
    field = Region.box(*((edge, n - edge) for n in pixels.shape))
    around = (
        Region.box(*((max(at.start - margin, 0), at.stop + margin) for at in box))
        for box in find_objects(cells)
        if box is not None
    )
    return Annotation(image, cells, "objects", (field, *around))


def _coarser(
    pixels: NDArray[Any], cells: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    shape = tuple(n // COARSER for n in pixels.shape)
    blocks = view_as_blocks(cells, (COARSER, COARSER)).reshape(*shape, -1)
    # the larger of the two in the middle: no label is made up, and none moves aside
    return Resampled(pixels, shape)[:, :], np.sort(blocks, axis=-1)[..., COARSER**2 // 2]


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=5000)
    train(
        split(options.data)[0],
        NewModel(base=24, depth=3, task="objects", name=NAME),
        schedule(
            steps=options.steps,
            patch=128,
            batch=4,
            average=0.995,
            border_weight=10.0,
            augment=AugmentOptions(scale=0.3, gamma=0.4, elastic=8, grid=32),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Cells in phase contrast on a polyacrylamide substrate, 2-D, as objects.",
        license="data of the Cell Tracking Challenge: for research, with citation",
        citation=(
            "Dr. S. Kumar, Department of Bioengineering, University of California at Berkeley (data)",
            "Maška et al. 2023, Nature Methods, 10.1038/s41592-023-01879-y",
        ),
        # cells are long and branched, and have several peaks of distance
        separation=0.2,
        pixel_size=(PIXEL * COARSER, PIXEL * COARSER),
    )


if __name__ == "__main__":
    main()
