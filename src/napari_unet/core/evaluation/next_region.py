"""Where paint would tell a network most: windows in which it is unsure and nothing is annotated yet."""

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

GRID = 8
"""Windows begin on multiples of this: uncertainty is summed over blocks of so many pixels a side."""
SHARE = 0.1
"""Share of a plane that a window covers,"""
LEAST, MOST = 64, 256
"""within these sides in pixels: room for a few cells, and not more than is painted in minutes."""
FREE = 0.5
"""Share of a window that must not be annotated yet."""
NEARLY = 0.9
"""From this uncertainty on, the answers to a question count as equally likely: of two, 32 to 68 %."""
WORTH_TELLING = 0.005


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
        Mean uncertainty of its pixels, 0 to 1, those that are annotated counted as 0.
    """

    plane: int
    rows: slice
    columns: slice
    score: float


def window_sides(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the sides of a window in a plane of this shape: multiples of 8, or all of a small plane."""
    side = min(max(sqrt(SHARE * prod(shape)), LEAST), MOST)
    whole = round(side / GRID) * GRID
    return min(whole, shape[0]), min(whole, shape[1])


def block_sums(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Return the sums over blocks of 8 × 8 pixels of a plane, (Y, X); the last may be smaller."""
    rows, columns = (np.arange(0, n, GRID) for n in plane.shape)
    down = np.add.reduceat(plane, rows, axis=0, dtype=np.float32)
    found: NDArray[np.float32] = np.add.reduceat(down, columns, axis=1)
    return found


def best_windows(
    unsure: NDArray[np.float32],
    free: NDArray[np.float32],
    shape: tuple[int, int],
    count: int = 1,
    visited: Sequence[Window] = (),
) -> list[Window]:
    """Return the windows in which most is unsure and not annotated, the best first.

    Parameters
    ----------
    unsure
        (planes, rows, columns): uncertainty, summed over the blocks of each plane.
    free
        Of the same shape: pixels of each block that are not annotated.
    shape
        Of a plane in pixels, (Y, X).
    count
        How many to return at most.
    visited
        Windows that are to be taken as annotated.

    Returns
    -------
    list of Window
        They overlap little. Fewer than wanted, or none, where too little is left.
    """
    pixels = block_sums(np.ones(shape, np.float32))
    free = np.array(free, np.float32)
    for window in visited:
        free[_blocks(window)] = 0
    sides = tuple(-(-n // GRID) for n in window_sides(shape))
    area = _window_sums(pixels[None], sides)
    found: list[Window] = []
    while len(found) < count:
        scores = _window_sums(unsure * free / pixels, sides) / area
        scores[_window_sums(free, sides) < FREE * area] = -1
        plane, top, left = np.unravel_index(int(scores.argmax()), scores.shape)
        score = float(scores[plane, top, left])
        if score < 0:
            break
        rows, columns = (
            slice(int(first) * GRID, min((int(first) + n) * GRID, size))
            for first, n, size in zip((top, left), sides, shape, strict=True)
        )
        window = Window(int(plane), rows, columns, score)
        free[_blocks(window)] = 0
        found.append(window)
    return found


def reason(maps: NDArray[Any], spec: ModelSpec, free: NDArray[np.bool_]) -> str:
    """Say in words why a window is worth annotating.

    Parameters
    ----------
    maps
        (out_channels, Y, X): what the network says of it, as for
        `question_uncertainty`.
    spec
        The network's description.
    free
        (Y, X): the pixels that are not annotated yet.
    """
    shares = (question_uncertainty(maps, spec)[:, free] > NEARLY).mean(axis=1)
    which = int(shares.argmax())
    if shares[which] < WORTH_TELLING:
        return "the network is sure of nearly all that is left"
    if spec.activation == "softmax":
        words = "classes nearly equal"
    elif spec.task == "objects":
        words = ("unsure what is object", "unsure of borders between objects")[which]
    else:
        words = f"unsure what is {spec.classes[which]}"
    return f"{words} on {max(round(100 * shares[which]), 1)} % of this window"


def _blocks(window: Window) -> tuple[int, slice, slice]:
    rows, columns = (
        slice(part.start // GRID, -(-part.stop // GRID)) for part in (window.rows, window.columns)
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
