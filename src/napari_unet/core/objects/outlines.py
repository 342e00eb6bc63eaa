"""Outlines of the objects of a plane, along the edges of pixels: filled, they give the same pixels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BAND = 256
"""Rows or columns that are compared at a time, so that little more memory is needed than the labels."""

RIGHT, DOWN, LEFT, UP = range(4)


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of an object.

    Attributes
    ----------
    label
        Its number.
    rings
        (n, 2) int64 each: the corners of a ring as X and Y, in pixels from the plane's corner, so that
        pixel (0, 0) reaches from 0 to 1. Outer rings run clockwise as seen on the screen, holes the
        other way. Pixels that only touch at a corner are in rings of their own.
    """

    label: int
    rings: list[NDArray[np.int64]]

    def polygons(self) -> list[list[NDArray[np.int64]]]:
        """Return its parts: for each the outer ring, then its holes."""
        outer = [ring for ring in self.rings if _area(ring) > 0]
        holes = [ring for ring in self.rings if _area(ring) < 0]
        parts = [[ring] for ring in outer]
        for hole in holes:
            parts[_around(hole, outer)].append(hole)
        return parts


def outlines(labels: NDArray[Any]) -> list[Outline]:
    """Trace the outlines of all objects of a plane.

    Parameters
    ----------
    labels
        (Y, X) whole numbers; 0 is background.

    Returns
    -------
    list of Outline
        In the order of the numbers.
    """
    runs = [np.concatenate(part) for part in zip(*_runs(labels), strict=True)]
    if not runs or not len(runs[0]):
        return []
    number, start, end, way = runs
    following = _linked(labels.shape, number, start, end, way)
    rings: dict[int, list[NDArray[np.int64]]] = defaultdict(list)
    width = labels.shape[1] + 1
    for ring in _cycles(following):
        y, x = np.divmod(start[ring], width)
        rings[int(number[ring[0]])].append(np.stack([x, y], axis=1))
    return [Outline(label, rings[label]) for label in sorted(rings)]


def _runs(labels: NDArray[Any]) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Yield straight pieces of outlines: number, first and last corner, direction.

    The object lies to the right of each as one goes along it.
    """
    width = labels.shape[1] + 1
    # rows, then columns; each: from a line to the next, along a line, directions with the object behind
    # the line and before it
    ways = ((labels, width, 1, RIGHT, LEFT), (labels.T, 1, width, UP, DOWN))
    for plane, across, along, behind, before in ways:
        for first in range(0, len(plane) + 1, BAND):
            lines = np.arange(first, min(first + BAND, len(plane) + 1))
            near, far = _neighbours(plane, lines)
            for kind, inside in ((behind, far), (before, near)):
                number, line, start, end = _pieces(np.where(near != far, inside, 0))
                a, b = (lines[line] * across + x * along for x in (start, end))
                if kind in (LEFT, UP):
                    a, b = b, a
                yield number, a, b, np.full(len(a), kind)


def _neighbours(labels: NDArray[Any], lines: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the numbers before and behind some lines between rows; 0 beyond the plane."""
    first, last = int(lines[0]), int(lines[-1])
    part = np.zeros((last - first + 2, labels.shape[1]), labels.dtype)
    inside = slice(max(first - 1, 0), min(last + 1, len(labels)))
    offset = inside.start - (first - 1)
    part[offset : offset + inside.stop - inside.start] = labels[inside]
    return part[:-1], part[1:]


def _pieces(edge: NDArray[Any]) -> tuple[NDArray[np.int64], ...]:
    """Return the runs of one number in rows: number, row, first and last corner."""
    before = np.zeros_like(edge)
    before[:, 1:] = edge[:, :-1]
    behind = np.zeros_like(edge)
    behind[:, :-1] = edge[:, 1:]
    row, start = np.nonzero((edge != 0) & (edge != before))
    _, last = np.nonzero((edge != 0) & (edge != behind))
    return edge[row, start].astype(np.int64), row, start, last + 1


def _linked(
    shape: tuple[int, ...],
    number: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    way: NDArray[np.int64],
) -> NDArray[np.intp]:
    """Return which piece follows each."""
    # small ranks instead of numbers, so that number, corner and direction fit into 64 bits
    rank = np.unique(number, return_inverse=True)[1].astype(np.int64)
    corners = (shape[0] + 1) * (shape[1] + 1)
    key = (rank * corners + start) * 4 + way
    order = np.argsort(key)
    ordered = key[order]
    # to the right if there is a choice: pixels that only touch at a corner stay apart
    tight = (rank * corners + end) * 4 + (way + 1) % 4
    wide = (rank * corners + end) * 4 + (way + 3) % 4
    place = np.searchsorted(ordered, tight).clip(max=len(ordered) - 1)
    place = np.where(ordered[place] == tight, place, np.searchsorted(ordered, wide))
    following: NDArray[np.intp] = order[place]
    return following


def _cycles(following: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield the members of each cycle, in order."""
    after: list[int] = following.tolist()
    seen = bytearray(len(after))
    for first in range(len(after)):
        if seen[first]:
            continue
        ring, i = [], first
        while not seen[i]:
            seen[i] = 1
            ring.append(i)
            i = after[i]
        yield np.array(ring, np.intp)


def _area(ring: NDArray[np.int64]) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def _around(hole: NDArray[np.int64], outer: list[NDArray[np.int64]]) -> int:
    """Return which of the outer rings holds a hole: the smallest around a pixel beside its edge."""
    if len(outer) == 1:
        return 0
    (x0, y0), (x1, y1) = hole[0], hole[1]
    # a hole runs with the object to its right, so that the middle of a pixel in it is to the left
    dx, dy = np.sign(x1 - x0), np.sign(y1 - y0)
    x, y = x0 + 0.5 * dx + 0.5 * dy, y0 + 0.5 * dy - 0.5 * dx
    holding = [i for i, ring in enumerate(outer) if _holds(ring, float(x), float(y))]
    return min(holding, key=lambda i: _area(outer[i]))


def _holds(ring: NDArray[np.int64], x: float, y: float) -> bool:
    """Whether a point lies inside a ring of straight pieces along the axes."""
    x0, y0 = ring[:, 0], ring[:, 1]
    y1 = np.roll(y0, -1)
    crossing = (x0 > x) & (np.minimum(y0, y1) < y) & (y < np.maximum(y0, y1))
    return bool(np.count_nonzero(crossing) % 2)


def fill(
    rings: list[NDArray[Any]], shape: tuple[int, int]
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Find the pixels whose centres rings enclose, by the even-odd rule.

    Parameters
    ----------
    rings
        (n, 2) corners each, X and Y from the plane's corner; they need not run along pixels.
    shape
        Of the plane.

    Returns
    -------
    rows, columns
        The window that holds them, inside the plane.
    inside
        (rows, columns) bool.
    """
    points = np.concatenate(rings)
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    x0, y0 = (int(max(n, 0)) for n in low)
    x1, y1 = int(min(high[0], shape[1])), int(min(high[1], shape[0]))
    width, height = max(x1 - x0, 0), max(y1 - y0, 0)
    flips = np.zeros((height, width + 1), np.int64)
    for ring in rings if width and height else ():
        first = np.asarray(ring, np.float64)
        last = np.roll(first, -1, axis=0)
        for (xa, ya), (xb, yb) in zip(first, last, strict=True):
            if ya == yb:
                continue
            top, bottom = min(ya, yb), max(ya, yb)
            rows = np.arange(max(int(np.ceil(top - 0.5)), y0), min(int(np.ceil(bottom - 0.5)), y1))
            # where the side crosses the middle of each row; pixels to the right of that flip
            x = xa + (rows + 0.5 - ya) * (xb - xa) / (yb - ya)
            column = np.clip(np.ceil(x - 0.5) - x0, 0, width).astype(np.intp)
            flips[rows - y0, column] += 1
    inside = (flips.cumsum(axis=1)[:, :width] % 2).astype(bool)
    return slice(y0, y0 + height), slice(x0, x0 + width), inside
