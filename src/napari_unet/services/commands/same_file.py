"""Whether a file opens as the image that is in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.services.files.images import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.image.axes import Image


def opens_as(path: Path, axes: str | None, image: Image, *, all_planes: bool = False) -> bool:
    """Whether a file opens as an image with the same axes, shape and pixels.

    Parameters
    ----------
    path
        The file.
    axes
        Its axes; None: those it states.
    image
        The image in memory.
    all_planes
        Whether to compare all planes, rather than the first, the middle and the last one: all of a long
        stack could take minutes.
    """
    try:
        other = open_image(path, axes)
    except UserError:
        return False
    same_form = other.axes == image.axes and tuple(other.data.shape) == tuple(image.data.shape)
    return same_form and all(
        np.array_equal(other.data[index], image.data[index], equal_nan=True)
        for index in _plane_indices(image, all_planes=all_planes)
    )


def _plane_indices(image: Image, *, all_planes: bool) -> list[tuple[int, ...]]:
    leading = image.data.shape[: image.axes.index("Y")]
    n = math.prod(leading)
    some = sorted({0, n // 2, n - 1}) if n else []
    numbers = range(n) if all_planes else some
    return [
        tuple(int(i) for i in np.unravel_index(number, leading)) if leading else ()
        for number in numbers
    ]
