"""The pieces of a block: what lies in it of each part of the foreground, and of the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.blocks.grid import within
from napari_unet.core.objects.find import DISTANCE, components, object_masks
from napari_unet.core.objects.watershed import divide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.blocks.grid import BlockGrid
    from napari_unet.core.image.axes import Box
    from napari_unet.core.model.object_options import ObjectOptions


@dataclass(frozen=True, eq=False)
class PieceTable:
    """What is known of the pieces of a block, without its pixels.

    Pieces are numbered from 1, in the order of their first pixels. A piece that touches no other block
    is an object already. Gaps are connected parts of the background, and what of those lies in the
    block; they are numbered from 1, too.

    Attributes
    ----------
    sizes, first, kinds
        (n,) of each piece: pixels; place of its first pixel in the frame, counted along its last axis
        first; class.
    low, high
        (n, axes): the window that holds it, in the frame.
    core_homes
        (m,) number of the piece that each core lies in. Only pieces that go on in another block have
        cores.
    core_deep
        (m,) bool: whether a pixel of it is deep enough.
    gap_sizes, gap_open
        (g,) pixels of each gap; whether it touches the edge of the frame.
    touching
        (k, 2): gap and piece that touch each other in the block.
    faces
        For each axis, the values at the first and the last pixels of the block along it: pieces, gaps
        as negative numbers.
    core_faces
        The same of cores.
    """

    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    kinds: NDArray[np.uint32]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    core_homes: NDArray[np.int64]
    core_deep: NDArray[np.bool_]
    gap_sizes: NDArray[np.int64]
    gap_open: NDArray[np.bool_]
    touching: NDArray[np.int64]
    faces: list[tuple[NDArray[np.int32], NDArray[np.int32]]]
    core_faces: list[tuple[NDArray[np.int32], NDArray[np.int32]]]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of a block.

    Attributes
    ----------
    pieces, cores
        uint32 in the shape of the block: number of the piece, and of the core in it.
    table
        What is known of them.
    """

    pieces: NDArray[np.uint32]
    cores: NDArray[np.uint32]
    table: PieceTable


def find_pieces(
    maps: NDArray[np.uint8],
    window: Box,
    grid: BlockGrid,
    number: int,
    options: ObjectOptions,
    spacing: Sequence[float] = (),
) -> Pieces:
    """Find the pieces of a block in the maps of objects.

    Parameters
    ----------
    maps
        As for `find_objects`: those of the block and `MASK_HALO` pixels around it.
    window
        Their window in the frame.
    grid, number
        The blocks, and which one.
    options, spacing
        As there.
    """
    inner = within(grid.box(number), window)
    inside, core, deep = (mask[inner] for mask in object_masks(maps, options, spacing))
    parts, cores = components(inside), components(core)
    leaving = _leaving(parts, grid, number)
    staying = np.where(leaving[parts], 0, cores)
    deep_cores = _marked(cores, deep)
    divided = divide(parts, np.where(deep_cores[staying], staying, 0), maps[DISTANCE][inner])
    cores[~leaving[parts]] = 0
    return _collected(divided, inside.astype(np.uint32), cores, deep, grid, number)


def find_class_pieces(classes: NDArray[Any], grid: BlockGrid, number: int) -> Pieces:
    """Find the connected parts of each class in a block.

    Parameters
    ----------
    classes
        0 for the background, else the class, of the block.
    grid, number
        The blocks, and which one.
    """
    parts = components(classes)
    none = np.zeros_like(parts)
    return _collected(parts, classes, none, none > 0, grid, number)


def number_gaps(pieces: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Number the gaps of a block, given its pieces: always the same way."""
    return components(pieces == 0)


def _collected(
    divided: NDArray[np.uint32],
    kinds: NDArray[Any],
    cores: NDArray[np.uint32],
    deep: NDArray[np.bool_],
    grid: BlockGrid,
    number: int,
) -> Pieces:
    pieces, first = _in_order(divided)
    cores, core_first = _in_order(cores)
    gaps = number_gaps(pieces)
    flat = pieces.ravel()
    box = grid.box(number)
    low, high = _boxes(pieces, box)
    table = PieceTable(
        sizes=np.bincount(flat, minlength=len(first) + 1)[1:],
        first=_place_in_frame(first, box, grid.shape),
        kinds=kinds.ravel()[first].astype(np.uint32),
        low=low,
        high=high,
        core_homes=flat[core_first].astype(np.int64),
        core_deep=_marked(cores, deep)[1:],
        gap_sizes=np.bincount(gaps.ravel(), minlength=1)[1:],
        gap_open=_at_edge(gaps, grid, number)[1:],
        touching=_touching(pieces, gaps, grid.shape),
        faces=[
            (_face(pieces, gaps, axis, 0), _face(pieces, gaps, axis, -1))
            for axis in range(pieces.ndim)
        ],
        core_faces=[
            (_face(cores, None, axis, 0), _face(cores, None, axis, -1))
            for axis in range(pieces.ndim)
        ],
    )
    return Pieces(pieces, cores, table)


def _leaving(parts: NDArray[np.uint32], grid: BlockGrid, number: int) -> NDArray[np.bool_]:
    """Return which parts, 0 among them, touch a face beyond which there is another block."""
    leaving = np.zeros(int(parts.max(initial=0)) + 1, bool)
    for axis in range(parts.ndim):
        if grid.has_before(number, axis):
            leaving[parts.take(0, axis=axis)] = True
        if grid.next_along(number, axis) is not None:
            leaving[parts.take(-1, axis=axis)] = True
    leaving[0] = False
    return leaving


def _at_edge(gaps: NDArray[np.uint32], grid: BlockGrid, number: int) -> NDArray[np.bool_]:
    """Return which gaps, 0 among them, touch the edge of the frame; a single plane has none along Z."""
    at_edge = np.zeros(int(gaps.max(initial=0)) + 1, bool)
    for axis in (a for a, n in enumerate(grid.shape) if n > 1):
        if not grid.has_before(number, axis):
            at_edge[gaps.take(0, axis=axis)] = True
        if grid.next_along(number, axis) is None:
            at_edge[gaps.take(-1, axis=axis)] = True
    return at_edge


def _marked(labels: NDArray[np.uint32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which labels, 0 among them, have a pixel in a mask."""
    marked = np.zeros(int(labels.max(initial=0)) + 1, bool)
    marked[labels[mask]] = True
    marked[0] = False
    return marked


def _in_order(labels: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
    """Renumber labels in the order of their first pixels; also return where these are."""
    flat = labels.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=flat[:1] + np.uint32(1)))
    # far fewer than pixels
    values, at = np.unique(flat[starts], return_index=True)
    if len(values) and values[0] == 0:
        values, at = values[1:], at[1:]
    order = np.argsort(at)
    numbers = np.zeros(int(values[-1]) + 1 if len(values) else 1, np.uint32)
    numbers[values[order]] = np.arange(1, len(values) + 1)
    return numbers[labels], starts[at[order]]


def _place_in_frame(first: NDArray[np.intp], box: Box, shape: tuple[int, ...]) -> NDArray[np.int64]:
    local = np.unravel_index(first, [s.stop - s.start for s in box])
    place = [i + s.start for i, s in zip(local, box, strict=True)]
    flat: NDArray[np.int64] = np.ravel_multi_index(place, shape).astype(np.int64)
    return flat


def _boxes(pieces: NDArray[np.uint32], box: Box) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from scipy import ndimage

    found = ndimage.find_objects(pieces)
    corner = np.array([s.start for s in box])
    ends = np.array([[(s.start, s.stop) for s in each] for each in found], np.int64)
    ends = ends.reshape(-1, len(box), 2)
    return ends[:, :, 0] + corner, ends[:, :, 1] + corner


def _touching(
    pieces: NDArray[np.uint32], gaps: NDArray[np.uint32], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    found = [np.zeros((0, 2), np.int64)]
    for axis in (a for a, n in enumerate(shape) if n > 1):
        for pair in _neighbours(pieces, gaps, axis):
            found.append(np.unique(pair, axis=0))
    return np.unique(np.concatenate(found), axis=0)


def _neighbours(
    pieces: NDArray[np.uint32], gaps: NDArray[np.uint32], axis: int
) -> Iterator[NDArray[np.int64]]:
    """Yield gap and piece of the pixels of the two that are neighbours along an axis."""
    before = np.moveaxis(pieces, axis, 0)[:-1], np.moveaxis(gaps, axis, 0)[:-1]
    behind = np.moveaxis(pieces, axis, 0)[1:], np.moveaxis(gaps, axis, 0)[1:]
    for piece, gap in ((before[0], behind[1]), (behind[0], before[1])):
        both = (piece > 0) & (gap > 0)
        yield np.stack([gap[both], piece[both]], axis=1).astype(np.int64)


def _face(
    pieces: NDArray[np.uint32], gaps: NDArray[np.uint32] | None, axis: int, end: int
) -> NDArray[np.int32]:
    face = np.asarray(pieces.take(end, axis=axis), np.int32)
    if gaps is not None:
        face = face - np.asarray(gaps.take(end, axis=axis), np.int32)
    return face
