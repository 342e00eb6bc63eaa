"""Strokes and objects: which labelled pixels belong together, also across the planes of a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np

from napari_unet.core.annotations.annotation import Strokes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Kind, PlaneKey, Truth

MAX_TABLE = 1 << 24
"""Labels up to this one are looked up in a table rather than sorted."""


def pieces(paint: NDArray[Any], kind: Kind) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Number the pieces of a plane.

    Parameters
    ----------
    paint
        Labels (Y, X), none negative; 0 belongs to no piece.
    kind
        For ``"objects"`` a piece is all pixels of one label, else connected pixels of one label,
        also across corners.

    Returns
    -------
    numbered : ndarray
        (Y, X): 0, or the number of the piece, from 1.
    values : ndarray
        Label of each piece; the first entry, for 0, is 0.
    """
    if kind == "objects":
        return _by_value(paint)
    numbered, n = cc3d.connected_components(
        np.ascontiguousarray(paint), connectivity=8, return_N=True
    )
    values = np.zeros(n + 1, dtype=np.int64)
    values[numbered.ravel()] = paint.ravel()
    return numbered, values


def _by_value(paint: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    top = int(paint.max(initial=0))
    if top > MAX_TABLE:
        values, numbered = np.unique(paint, return_inverse=True)
        numbered = numbered.reshape(paint.shape)
        if values[0] != 0:
            return numbered + 1, np.concatenate([[0], values]).astype(np.int64)
        return numbered, values.astype(np.int64)
    present = np.zeros(top + 1, dtype=bool)
    present[paint] = True
    present[0] = True
    table = np.cumsum(present, dtype=np.int32) - 1
    return table[paint], np.flatnonzero(present)


def plane_pieces(truth: Truth, key: PlaneKey) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read the pieces of a plane where the annotation applies.

    Parameters
    ----------
    truth
        The annotation.
    key
        A plane that it applies to.

    Returns
    -------
    numbered : ndarray
        (Y, X): the pieces, as in `pieces`.
    inside : ndarray of bool
        (Y, X): where the annotation applies.
    """
    frame, box = truth.annotation.whole(key)
    inside = truth.applies[key].window(*box)
    paint = np.where(inside, truth.annotation.read(frame, box), 0)
    return pieces(paint, truth.annotation.kind)[0], inside


class StrokeBuilder:
    """Joins the pieces of one plane after another into strokes.

    The planes of a volume must come in order. Pieces of one label that touch from plane to plane are
    one stroke; pieces with the same object number in one volume are one object wherever they lie.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._parents: list[int] = []
        self._values: list[int] = []
        self._sizes: list[int] = []
        self._middles: list[tuple[int, ...]] = []
        self._changed: list[bool] = []
        self._pieces: dict[PlaneKey, NDArray[np.int64]] = {}
        self._volume: PlaneKey | None = None
        self._objects: dict[int, int] = {}
        self._above: tuple[int, NDArray[Any], NDArray[np.int64]] | None = None

    def add(
        self,
        key: PlaneKey,
        position: tuple[PlaneKey, int],
        numbered: NDArray[Any],
        values: NDArray[np.int64],
        changed: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Add the pieces of a plane.

        Parameters
        ----------
        key
            The plane.
        position
            Its volume, and its position along Z there.
        numbered, values
            As `pieces` returns them.
        changed
            Whether each was changed or painted anew, the first entry for none; None: all were.

        Returns
        -------
        ndarray
            Number of pixels of each piece; the first entry counts those of none.
        """
        sizes = np.bincount(numbered.ravel(), minlength=len(values))
        volume, z = position
        if volume != self._volume:
            self._volume, self._above, self._objects = volume, None, {}
        first = len(self._parents)
        ids = np.arange(first - 1, first - 1 + len(values))
        self._parents.extend(range(first, first + len(values) - 1))
        self._values.extend(values[1:].tolist())
        flags = np.ones(len(values), bool) if changed is None else changed
        self._changed.extend(flags[1:].tolist())
        self._sizes.extend(sizes[1:].tolist())
        self._middles.extend((*key, y, x) for y, x in _middles(numbered, sizes))
        self._pieces[key] = ids
        if self._kind == "objects":
            for value, piece in zip(values[1:].tolist(), ids[1:].tolist(), strict=True):
                self._join(self._objects.setdefault(value, piece), piece)
        else:
            if self._above is not None and self._above[0] == z - 1:
                self._join_touching(self._above[1], self._above[2], numbered, ids)
            self._above = (z, numbered, ids)
        return sizes

    def strokes(self) -> Strokes:
        """Return the strokes, numbered from 0; the pieces refer to them, with -1 for no piece."""
        roots = np.array([self._root(i) for i in range(len(self._parents))], dtype=np.int64)
        kept, stroke = np.unique(roots, return_inverse=True)
        values, sizes = np.array(self._values, dtype=np.int64), np.array(self._sizes)
        of_piece = {
            key: np.concatenate([[-1], stroke[ids[1:]]]) for key, ids in self._pieces.items()
        }
        total = np.bincount(stroke, weights=sizes, minlength=len(kept)).astype(np.int64)
        flags = np.array(self._changed, dtype=bool)
        changed = np.bincount(stroke, weights=flags, minlength=len(kept)) > 0
        # a root is the first of its pieces
        return Strokes(
            values[kept], total, tuple(self._middles[i] for i in kept), of_piece, changed
        )

    def _join_touching(
        self,
        above: NDArray[Any],
        above_ids: NDArray[np.int64],
        below: NDArray[Any],
        below_ids: NDArray[np.int64],
    ) -> None:
        both = (above > 0) & (below > 0)
        pairs = above[both].astype(np.int64) * len(below_ids) + below[both]
        for pair in np.unique(pairs):
            upper, lower = above_ids[pair // len(below_ids)], below_ids[pair % len(below_ids)]
            if self._values[upper] == self._values[lower]:
                self._join(int(upper), int(lower))

    def _root(self, i: int) -> int:
        while self._parents[i] != i:
            self._parents[i] = self._parents[self._parents[i]]
            i = self._parents[i]
        return i

    def _join(self, first: int, second: int) -> None:
        first, second = self._root(first), self._root(second)
        self._parents[max(first, second)] = min(first, second)


def _middles(numbered: NDArray[Any], sizes: NDArray[np.int64]) -> list[list[int]]:
    """Return the centre of mass, in whole pixels (y, x), of each piece."""
    positions = np.nonzero(numbered)
    piece = numbered[positions]
    sums = [np.bincount(piece, weights=p, minlength=len(sizes))[1:] for p in positions]
    centres: list[list[int]] = (np.stack(sums, axis=1) // sizes[1:, None]).astype(np.int64).tolist()
    return centres
