"""Where to annotate next: windows in which a network is uncertain and nothing is annotated yet."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.inference.uncertainty import question_uncertainty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.model.spec import ModelSpec

BLOCK_SIDE = 8
"""Uncertainty is summed over blocks of so many pixels a side, and windows begin on multiples of it."""
WINDOW_FRACTION = 0.1
"""Fraction of a plane that a window covers, within the sides below."""
MIN_SIDE, MAX_SIDE = 64, 256
"""Sides of a window in pixels: room for a few cells, and no more than can be painted in minutes."""
MIN_FREE_FRACTION = 0.5
"""Fraction of a window that must not be annotated yet."""
NEARLY_EQUAL = 0.9
"""From this uncertainty on, the answers to a question count as equally likely: of two, 32 to 68 %."""
MIN_UNCERTAIN_FRACTION = 0.005
"""Smallest fraction of a window whose uncertainty is worth mentioning."""


@dataclass(frozen=True)
class Window:
    """A window of one of several planes.

    Attributes
    ----------
    plane
        Number of the plane.
    rows, columns
        Its pixels there.
    score
        Mean uncertainty of its pixels, 0 to 1; annotated pixels count as 0.
    """

    plane: int
    rows: slice
    columns: slice
    score: float


def window_sides(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the sides of a window in a plane of this shape: multiples of 8, or all of a small plane."""
    side = min(max(sqrt(WINDOW_FRACTION * prod(shape)), MIN_SIDE), MAX_SIDE)
    whole = round(side / BLOCK_SIDE) * BLOCK_SIDE
    return min(whole, shape[0]), min(whole, shape[1])


def block_sums(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Return the sums over blocks of 8 × 8 pixels of a plane, (Y, X); the last may be smaller."""
    rows, columns = (np.arange(0, n, BLOCK_SIDE) for n in plane.shape)
    down = np.add.reduceat(plane, rows, axis=0, dtype=np.float32)
    sums: NDArray[np.float32] = np.add.reduceat(down, columns, axis=1)
    return sums


def best_windows(
    unsure: NDArray[np.float32],
    free: NDArray[np.float32],
    shape: tuple[int, int],
    count: int = 1,
    visited: Sequence[Window] = (),
) -> list[Window]:
    """Return the windows with the most uncertainty that is not annotated, the best first.

    Parameters
    ----------
    unsure
        (planes, rows, columns): uncertainty, summed over the blocks of each plane.
    free
        Same shape: pixels of each block that are not annotated.
    shape
        Shape of a plane in pixels, (Y, X).
    count
        Largest number of windows.
    visited
        Windows that count as annotated.

    Returns
    -------
    list of Window
        Windows that overlap little. Fewer than wanted, or none, if too little is left.
    """
    pixels = block_sums(np.ones(shape, np.float32))
    free = np.array(free, np.float32)
    for window in visited:
        free[_blocks(window)] = 0
    sides = tuple(-(-n // BLOCK_SIDE) for n in window_sides(shape))
    area = _window_sums(pixels[None], sides)
    best: list[Window] = []
    while len(best) < count:
        scores = _window_sums(unsure * free / pixels, sides) / area
        scores[_window_sums(free, sides) < MIN_FREE_FRACTION * area] = -1
        plane, top, left = np.unravel_index(int(scores.argmax()), scores.shape)
        score = float(scores[plane, top, left])
        if score < 0:
            break
        rows, columns = (
            slice(int(first) * BLOCK_SIDE, min((int(first) + n) * BLOCK_SIDE, size))
            for first, n, size in zip((top, left), sides, shape, strict=True)
        )
        window = Window(int(plane), rows, columns, score)
        free[_blocks(window)] = 0
        best.append(window)
    return best


def reason(maps: NDArray[Any], spec: ModelSpec, free: NDArray[np.bool_]) -> str:
    """Say in words why a window is worth annotating.

    Parameters
    ----------
    maps
        (out_channels, Y, X): the network's outputs there, as for `question_uncertainty`.
    spec
        The network's specification.
    free
        (Y, X): the pixels that are not annotated yet.
    """
    fractions = (question_uncertainty(maps, spec)[:, free] > NEARLY_EQUAL).mean(axis=1)
    which = int(fractions.argmax())
    if fractions[which] < MIN_UNCERTAIN_FRACTION:
        return "the network is sure of nearly all that is left"
    if spec.activation == "softmax":
        words = "classes nearly equal"
    elif spec.task == "objects":
        words = ("unsure what is object", "unsure of borders between objects")[which]
    else:
        words = f"unsure what is {spec.classes[which]}"
    return f"{words} on {max(round(100 * fractions[which]), 1)} % of this window"


def _blocks(window: Window) -> tuple[int, slice, slice]:
    rows, columns = (
        slice(part.start // BLOCK_SIDE, -(-part.stop // BLOCK_SIDE))
        for part in (window.rows, window.columns)
    )
    return window.plane, rows, columns


def _window_sums(blocks: NDArray[np.float32], sides: tuple[int, ...]) -> NDArray[np.float64]:
    """Sum over all windows of so many blocks; of a stack, (planes, rows, columns)."""
    sums: NDArray[np.float64] = blocks.astype(np.float64)
    for axis, n in zip((1, 2), sides, strict=True):
        sums = np.cumsum(sums, axis=axis)
        sums = np.insert(sums, 0, 0, axis=axis)
        length = sums.shape[axis]
        sums = sums.take(range(n, length), axis=axis) - sums.take(range(length - n), axis=axis)
    return sums
