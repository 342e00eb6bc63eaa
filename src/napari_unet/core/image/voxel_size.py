"""Voxel sizes that are typed: a number for all spatial axes, or one for each."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image


def parse_voxel_size(typed: str, spatial: str) -> dict[str, float]:
    """Return the size along each spatial axis, in micrometers.

    Parameters
    ----------
    typed
        Numbers such as ``0.5`` or ``2, 0.5, 0.5``, maybe with ``×`` between and ``µm`` behind. One is
        for all axes; two are for the depth and for the plane; else there is one for each axis.
    spatial
        The spatial axes in the order of the numbers, such as ``"ZYX"``.

    Raises
    ------
    UserError
        When there are not that many numbers, or one is not positive.
    """
    words = re.sub(r"(µm|μm|um|microns?)", " ", typed.strip().lower())
    parts = [part for part in re.split(r"[\s,;×x*]+", words) if part]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= len(spatial)
    elif len(numbers) == 2 and len(spatial) == 3:
        numbers = [numbers[0], numbers[1], numbers[1]]
    if len(numbers) != len(spatial) or not all(0 < n < math.inf for n in numbers):
        order = ", ".join(spatial)
        raise UserError(
            "This is no voxel size",
            value=repr(typed),
            rule=f"It is one positive number in µm for all axes, or one for each of {order}.",
            remedy=f"Give for example {'2, 0.5, 0.5' if len(spatial) == 3 else '0.5'}.",
        )
    return dict(zip(spatial, numbers, strict=True))


def with_voxel_size(image: Image, typed: str) -> Image:
    """Return an image with a voxel size that was typed, whatever it stated.

    Raises
    ------
    UserError
        As `parse_voxel_size`.
    """
    spatial = "".join(a for a in "ZYX" if a in image.axes)
    scale = {**image.scale, **parse_voxel_size(typed, spatial)}
    return replace(image, scale=scale, unit="micrometer")
