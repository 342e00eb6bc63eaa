"""Where two segmentations of an image differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.core.evaluation.matching import match
from napari_unet.core.evaluation.overlaps import Overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

Meaning = Literal["classes", "objects", "foreground"]
"""What labels above 0 stand for: classes, numbered objects, or nothing but foreground."""

KINDS = {1: "only before", 2: "only now", 3: "otherwise"}
"""Values of a difference; 0 is where both agree."""

ALIKE = 0.5
"""IoU from which on two objects count as the same one."""


def difference(
    before: NDArray[Any], now: NDArray[Any], meaning: Meaning, ndim: int = 2
) -> NDArray[np.uint8]:
    """Tell of each pixel how two segmentations differ there.

    Parameters
    ----------
    before, now
        ([any,] [Z,] Y, X), the same shape: 0 background, above it what `meaning` says.
    meaning
        Of ``"objects"`` the numbers do not matter: two that overlap by an IoU of 0.5 or more are the
        same one; pixels of both segmentations that lie in other objects differ. Of ``"foreground"`` no
        value matters but 0.
    ndim
        Axes of one frame, 2 or 3; objects are compared frame by frame.

    Returns
    -------
    ndarray of uint8
        Same shape: 0, or a key of `KINDS`.
    """
    found = np.zeros(before.shape, np.uint8)
    old, new = before > 0, now > 0
    found[old & ~new] = 1
    found[new & ~old] = 2
    if meaning == "classes":
        found[old & new & (before != now)] = 3
    elif meaning == "objects":
        frames = before.shape[before.ndim - ndim :]
        for a, b, out in zip(
            before.reshape(-1, *frames),
            now.reshape(-1, *frames),
            found.reshape(-1, *frames),
            strict=True,
        ):
            out[(a > 0) & (b > 0) & ~_same_object(a, b)] = 3
    return found


def _same_object(before: NDArray[Any], now: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a pixel lies in one object before and in the same one now."""
    overlaps = Overlaps.of(now, before)
    pairs = match(overlaps, ALIKE)
    # what each object of before is called now; 0 for those that are no more
    place = np.searchsorted(overlaps.true, before).clip(max=max(len(overlaps.true) - 1, 0))
    called = np.zeros(max(len(overlaps.true), 1), np.int64)
    called[overlaps.rows[pairs]] = overlaps.predicted[overlaps.columns[pairs]]
    return np.asarray((called[place] == now) & (now > 0))
