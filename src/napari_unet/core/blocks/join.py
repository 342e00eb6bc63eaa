"""Joins the pieces of blocks over their faces, and says what is left to divide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.blocks.grid import BlockGrid
    from napari_unet.core.blocks.pieces import PieceTable
    from napari_unet.core.image.axes import Box

    Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Joined:
    """The parts of a frame, joined from the pieces of its blocks.

    Pieces, cores and gaps of all blocks are counted through: number n of block b is
    ``starts[b] + n - 1``.

    Attributes
    ----------
    piece_starts, core_starts, gap_starts
        (blocks + 1,).
    parts
        Part of each piece, from 0.
    cores
        Core that each core is a piece of, from 0; -1 where none of it is deep enough.
    first, sizes, low, high
        Of each part, as in `PieceTable`.
    contested
        Parts with several cores, which are still to be divided.
    hole_parts
        For each gap, the part that alone encloses all of it; -1 where none does.
    hole_sizes
        (parts,) pixels of the holes in each part.
    """

    piece_starts: Numbers
    core_starts: Numbers
    gap_starts: Numbers
    parts: Numbers
    cores: Numbers
    first: Numbers
    sizes: Numbers
    low: Numbers
    high: Numbers
    contested: Numbers
    hole_parts: Numbers
    hole_sizes: Numbers

    def box(self, part: int) -> Box:
        """Return the window that holds a part."""
        ends = zip(self.low[part].tolist(), self.high[part].tolist(), strict=True)
        return tuple(slice(low, high) for low, high in ends)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """What touches over the faces of blocks: (n, 2) numbers of pieces, cores, gaps; gap and piece."""

    pieces: Numbers
    cores: Numbers
    gaps: Numbers
    touching: Numbers


def join(tables: Sequence[PieceTable], grid: BlockGrid) -> Joined:
    """Join the pieces of the blocks of a frame.

    Parameters
    ----------
    tables
        Of each block, in order.
    grid
        The blocks.
    """
    piece_starts, core_starts, gap_starts = (
        np.cumsum([0, *(len(getattr(table, name)) for table in tables)], dtype=np.int64)
        for name in ("sizes", "core_homes", "gap_sizes")
    )
    pairs = _pairs(tables, grid, (piece_starts, core_starts, gap_starts))
    parts = _roots(int(piece_starts[-1]), pairs.pieces)
    n = int(parts.max(initial=-1)) + 1
    first, sizes, low, high = _summary(tables, parts, n)
    cores, contested = _live_cores(tables, piece_starts, parts, n, pairs.cores)
    hole_parts, hole_sizes = _holes(
        pairs, parts, contested, (n, int(gap_starts[-1])), _gaps(tables)
    )
    return Joined(
        piece_starts,
        core_starts,
        gap_starts,
        parts,
        cores,
        first,
        sizes,
        low,
        high,
        np.flatnonzero(contested),
        hole_parts,
        hole_sizes,
    )


def _gaps(tables: Sequence[PieceTable]) -> tuple[Numbers, NDArray[np.bool_]]:
    sizes = np.concatenate([table.gap_sizes for table in tables])
    return sizes, np.concatenate([table.gap_open for table in tables])


def _pairs(
    tables: Sequence[PieceTable], grid: BlockGrid, starts: tuple[Numbers, Numbers, Numbers]
) -> _Pairs:
    piece_starts, core_starts, gap_starts = starts
    found: dict[str, list[Numbers]] = {
        name: [np.zeros((0, 2), np.int64)] for name in ("pieces", "cores", "gaps", "touching")
    }
    for i, table in enumerate(tables):
        shift = np.array([gap_starts[i] - 1, piece_starts[i] - 1])
        found["touching"].append(table.touching + shift)
        for axis in range(len(grid.shape)):
            j = grid.next_along(i, axis)
            if j is None:
                continue
            here, there = table.faces[axis][1], tables[j].faces[axis][0]
            one, two = _counted(here, i, starts), _counted(there, j, starts)
            both = (here > 0) & (there > 0)
            same = table.kinds[here[both] - 1] == tables[j].kinds[there[both] - 1]
            found["pieces"].append(_unique(one[both][same], two[both][same]))
            both = (here < 0) & (there < 0)
            found["gaps"].append(_unique(one[both], two[both]))
            for gap, piece, a, b in ((one, two, here, there), (two, one, there, here)):
                both = (a < 0) & (b > 0)
                found["touching"].append(_unique(gap[both], piece[both]))
            here, there = table.core_faces[axis][1], tables[j].core_faces[axis][0]
            both = (here > 0) & (there > 0)
            ends = here[both] + core_starts[i] - 1, there[both] + core_starts[j] - 1
            found["cores"].append(_unique(*ends))
    return _Pairs(**{name: np.concatenate(each) for name, each in found.items()})


def _counted(
    face: NDArray[np.int32], block: int, starts: tuple[Numbers, Numbers, Numbers]
) -> Numbers:
    """Return the numbers of pieces and gaps on a face, each counted through all blocks."""
    pieces, _, gaps = starts
    counted: Numbers = np.where(face > 0, face + pieces[block], gaps[block] - face) - 1
    return counted


def _unique(one: Numbers, two: Numbers) -> Numbers:
    if not len(one):
        return np.zeros((0, 2), np.int64)
    return np.unique(np.stack([one, two], axis=1).astype(np.int64), axis=0)


def _roots(n: int, pairs: Numbers) -> Numbers:
    """Return the connected component of each of n numbers, from 0."""
    if n == 0:
        return np.zeros(0, np.int64)
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (n, n))
    roots: Numbers = connected_components(graph, directed=False)[1].astype(np.int64)
    return roots


def _summary(
    tables: Sequence[PieceTable], parts: Numbers, n: int
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    ndim = len(tables[0].faces)
    largest = np.iinfo(np.int64).max
    first, sizes = np.full(n, largest), np.zeros(n, np.int64)
    low, high = np.full((n, ndim), largest), np.zeros((n, ndim), np.int64)
    np.minimum.at(first, parts, np.concatenate([table.first for table in tables]))
    np.add.at(sizes, parts, np.concatenate([table.sizes for table in tables]))
    np.minimum.at(low, parts, np.concatenate([table.low for table in tables]))
    np.maximum.at(high, parts, np.concatenate([table.high for table in tables]))
    return first, sizes, low, high


def _live_cores(
    tables: Sequence[PieceTable],
    piece_starts: Numbers,
    parts: Numbers,
    n: int,
    pairs: Numbers,
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the core that each piece of one belongs to, and which parts have several."""
    starts = zip(tables, piece_starts, strict=False)
    homes = np.concatenate([table.core_homes + start - 1 for table, start in starts])
    cores = _roots(len(homes), pairs)
    alive = np.zeros(int(cores.max(initial=-1)) + 1, bool)
    alive[cores[np.concatenate([table.core_deep for table in tables])]] = True
    home = np.zeros(len(alive), np.int64)
    home[cores] = parts[homes]
    contested = np.bincount(home[alive], minlength=n) > 1
    return np.where(alive[cores], cores, -1), contested


def _holes(
    pairs: _Pairs,
    parts: Numbers,
    contested: NDArray[np.bool_],
    counts: tuple[int, int],
    gaps: tuple[Numbers, NDArray[np.bool_]],
) -> tuple[Numbers, Numbers]:
    """Return the part that each gap is a hole in, and the pixels of the holes of each part."""
    n_parts, n_gaps = counts
    sizes, touches_edge = gaps
    roots = _roots(n_gaps, pairs.gaps)
    n = int(roots.max(initial=-1)) + 1
    closed = np.ones(n, bool)
    closed[roots[touches_edge]] = False
    smallest, largest = np.full(n, n_parts), np.full(n, -1)
    gap, part = roots[pairs.touching[:, 0]], parts[pairs.touching[:, 1]]
    np.minimum.at(smallest, gap, part)
    np.maximum.at(largest, gap, part)
    closed &= smallest == largest
    # the holes of those are found when they are divided
    closed &= ~np.append(contested, False)[largest]
    inside = np.where(closed, largest, -1)[roots]
    filled = inside >= 0
    hole_sizes = np.zeros(n_parts, np.int64)
    np.add.at(hole_sizes, inside[filled], sizes[filled])
    return inside, hole_sizes
