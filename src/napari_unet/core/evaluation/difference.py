"""Where two segmentations of an image differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.core.evaluation.matching import match
from napari_unet.core.evaluation.overlaps import Overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

Meaning = Literal["classes", "objects", "foreground"]
"""What labels above 0 mean: classes, numbered objects, or just foreground."""

KINDS = {1: "only before", 2: "only now", 3: "otherwise"}
"""Values of a difference; 0 is where both agree."""

SAME_OBJECT_IOU = 0.5
"""IoU from which two objects count as the same one."""


def difference(
    before: NDArray[Any], now: NDArray[Any], meaning: Meaning, ndim: int = 2
) -> NDArray[np.uint8]:
    """Return for each pixel how two segmentations differ.

    Parameters
    ----------
    before, now
        ([any,] [Z,] Y, X), the same shape: 0 for background, larger labels as `meaning` says.
    meaning
        The numbers of ``"objects"`` do not matter: two with an IoU of 0.5 or more are the same one, and
        pixels that are in different objects differ. For ``"foreground"`` only 0 and other labels differ.
    ndim
        Axes of one frame, 2 or 3; objects are compared frame by frame.

    Returns
    -------
    ndarray of uint8
        Same shape: 0, or a key of `KINDS`.
    """
    differs = np.zeros(before.shape, np.uint8)
    old, new = before > 0, now > 0
    differs[old & ~new] = 1
    differs[new & ~old] = 2
    if meaning == "classes":
        differs[old & new & (before != now)] = 3
    elif meaning == "objects":
        frames = before.shape[before.ndim - ndim :]
        for a, b, out in zip(
            before.reshape(-1, *frames),
            now.reshape(-1, *frames),
            differs.reshape(-1, *frames),
            strict=True,
        ):
            out[(a > 0) & (b > 0) & ~_same_object(a, b)] = 3
    return differs


def _same_object(before: NDArray[Any], now: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels are in the same object before and now."""
    overlaps = Overlaps.of(now, before)
    pairs = match(overlaps, SAME_OBJECT_IOU)
    # the number that each earlier object has now; 0 for those that are gone
    row = np.searchsorted(overlaps.true, before).clip(max=max(len(overlaps.true) - 1, 0))
    new_number = np.zeros(max(len(overlaps.true), 1), np.int64)
    new_number[overlaps.rows[pairs]] = overlaps.predicted[overlaps.columns[pairs]]
    return np.asarray((new_number[row] == now) & (now > 0))
