"""Which level of a pyramid a network is shown."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, prod
from typing import TYPE_CHECKING

from napari_unet.core.image.scale import pixel_size_of
from napari_unet.services.omezarr.images import open_zarr
from napari_unet.services.omezarr.store import is_zarr

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import ModelSpec


@dataclass(frozen=True)
class Level:
    """A level of a pyramid.

    Attributes
    ----------
    number
        From 0, the largest.
    note
        Why it was taken, in a sentence; empty for the largest, and for one that was asked for.
    """

    number: int
    note: str = ""


def choose_level(
    path: Path | str, spec: ModelSpec, asked: int | None = None, series: int | None = None
) -> Level:
    """Return the level whose pixels are nearest in size to those that a network has learnt.

    Parameters
    ----------
    path
        An image file. Only OME-Zarr has levels to choose from.
    spec
        The network.
    asked
        The level that was asked for, which is taken; None: none.
    series
        Which image of a container.

    Returns
    -------
    Level
        The largest one where the image or the network states no pixel size.

    Raises
    ------
    UserError
        When the container can't be read.
    """
    if asked is not None or not spec.pixel_size or not is_zarr(path):
        return Level(asked or 0)
    opened = open_zarr(path, series)
    learnt = prod(spec.pixel_size[-2:]) ** 0.5
    sizes = []
    for number in range(len(opened.arrays)):
        own = pixel_size_of(opened.image(number), "YX")
        if not own:
            return Level(0)
        sizes.append(prod(own) ** 0.5)
    # of two that are as far, the larger
    nearest = min(range(len(sizes)), key=lambda i: (round(abs(log(sizes[i] / learnt)), 6), i))
    if not nearest:
        return Level(0)
    return Level(
        nearest,
        f"Level {nearest} of the pyramid was segmented, with pixels of {sizes[nearest]:.3g} µm: "
        f"{spec.name} has learnt pixels of {learnt:.3g} µm. `level=0` takes the largest.",
    )
