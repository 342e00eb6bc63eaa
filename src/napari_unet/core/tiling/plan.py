"""How an image is cut into tiles that together give the same result as the whole image.

Along one axis, for an image of `size` pixels padded to `frame`::

    0                                    size  frame
    |--------------- image ---------------|.....|
    [   read 0          ]
                [   read 1          ]
                            [   read 2          ]
    [ write 0      ][write 1   ][write 2  ]

All read windows have the same length and start on multiples of the network's total stride. Between the
end of a write window and the end of its read window lies at least the halo, except at the edges of the
frame. Write windows meet on multiples of the stride, too.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box


@dataclass(frozen=True)
class Tile:
    """What one forward pass reads and writes.

    Attributes
    ----------
    read
        Window of the padded frame that goes through the network.
    write
        Window of the image that takes its result from this tile; those of a plan cover the image
        exactly once.
    """

    read: Box
    write: Box

    @property
    def crop(self) -> Box:
        """The write window, in the coordinates of the read window."""
        return tuple(
            slice(w.start - r.start, w.stop - r.start)
            for r, w in zip(self.read, self.write, strict=True)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the read window."""
        return tuple(s.stop - s.start for s in self.read)

    @property
    def pixels(self) -> int:
        """Number of pixels it writes."""
        return prod(s.stop - s.start for s in self.write)


@dataclass(frozen=True)
class TilePlan:
    """How an image is cut into tiles.

    Attributes
    ----------
    size
        Spatial shape of the image.
    stride
        The network's total stride.
    halo
        Pixels of context that a window on the grid of the stride needs on every side.
    counts
        Number of tiles along each axis.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    halo: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def frame(self) -> tuple[int, ...]:
        """Shape of the image after padding its far edges to multiples of the stride."""
        return tuple(_ceil(n, s) for n, s in zip(self.size, self.stride, strict=True))

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Shape of every read window."""
        axes = zip(self.frame, self.stride, self.halo, self.counts, strict=True)
        return tuple(tile_length(*axis) for axis in axes)

    @property
    def n_tiles(self) -> int:
        """Number of tiles."""
        return prod(self.counts)

    @property
    def halo_share(self) -> float:
        """Fraction of the computed pixels that is discarded, 0 to 1."""
        return 1 - prod(self.size) / (prod(self.tile_shape) * self.n_tiles)

    def tiles(self) -> Iterator[Tile]:
        """Return all tiles, the last axis fastest."""
        axes = zip(self.size, self.frame, self.stride, self.counts, self.tile_shape, strict=True)
        for pairs in itertools.product(*(_windows(*axis) for axis in axes)):
            yield Tile(tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))

    def overlapping(self) -> Iterator[Tile]:
        """Return all tiles, each writing everything it reads: for blending, not for exact results."""
        for tile in self.tiles():
            write = (
                slice(r.start, min(r.stop, n)) for r, n in zip(tile.read, self.size, strict=True)
            )
            yield Tile(tile.read, tuple(write))

    def split(self, tile: Tile) -> list[Tile]:
        """Split a tile into two smaller ones, across the longest axis where that is possible.

        Parameters
        ----------
        tile
            A tile of this plan, or a part of one.

        Returns
        -------
        list of Tile
            Two tiles that write the same pixels; empty if none can be smaller.
        """
        for axis in sorted(range(len(self.size)), key=lambda a: -tile.shape[a]):
            write, stride = tile.write[axis], self.stride[axis]
            middle = (write.start + write.stop) // 2 // stride * stride
            if not write.start < middle < write.stop:
                continue
            halves = (slice(write.start, middle), slice(middle, write.stop))
            parts = [self.around(_replace(tile.write, axis, half)) for half in halves]
            if max(prod(part.shape) for part in parts) < prod(tile.shape):
                return parts
        return []

    def around(self, write: Box) -> Tile:
        """Return the smallest tile that is exact on a window of the image.

        Parameters
        ----------
        write
            The window. Tiles around windows of the same size can differ in shape.
        """
        read = tuple(
            slice(max(0, (w.start - h) // s * s), min(f, _ceil(w.stop + h, s)))
            for w, h, s, f in zip(write, self.halo, self.stride, self.frame, strict=True)
        )
        return Tile(read, write)


def _replace(box: Box, axis: int, part: slice) -> Box:
    return (*box[:axis], part, *box[axis + 1 :])


def _ceil(n: int, step: int) -> int:
    return -(-n // step) * step


def tile_length(frame: int, stride: int, halo: int, count: int) -> int:
    """Return the shortest read length with which `count` tiles cover a frame.

    It is a multiple of the stride; all lengths are in pixels.
    """
    if count == 1:
        return frame
    margin = 2 * _ceil(halo, stride)
    length = _ceil(-(-(frame + (count - 1) * margin) // count), stride)
    return min(length, frame)


def shortest_tile(stride: int, halo: int) -> int:
    """Return the shortest read length that leaves something to write between two halos."""
    return 2 * _ceil(halo, stride) + stride


def count_for(frame: int, stride: int, halo: int, length: int) -> int:
    """Return the number of tiles of at most `length` that cover a frame; 0 if that is too short."""
    if length >= frame:
        return 1
    margin = 2 * _ceil(halo, stride)
    step = length // stride * stride - margin
    return 0 if step <= 0 else 1 + -(-(frame - length // stride * stride) // step)


def _windows(
    size: int, frame: int, stride: int, count: int, length: int
) -> list[tuple[slice, slice]]:
    """Return read and write windows along one axis."""
    if count == 1:
        return [(slice(0, frame), slice(0, size))]
    room = (frame - length) // stride
    starts = [round(i * room / (count - 1)) * stride for i in range(count)]
    # write windows meet in the middle of an overlap, so that both keep their halo, and on the pooling
    # grid, where the halo is smallest
    seams = [(b + a + length) // 2 // stride * stride for a, b in itertools.pairwise(starts)]
    edges = [0, *seams, size]
    return [
        (slice(start, start + length), slice(low, high))
        for start, low, high in zip(starts, edges, edges[1:], strict=False)
    ]


def mirror_indices(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Return which pixel mirror padding puts at each of the positions ``start .. stop - 1``.

    Parameters
    ----------
    start, stop
        The positions, at any distance before, in or after the image.
    size
        Pixels of the image along the axis. The edge pixel is not repeated, unless it is the only one.

    Returns
    -------
    ndarray of intp
        (stop - start,), from 0 to ``size - 1``.
    """
    positions = np.arange(start, stop)
    if size == 1:
        return np.zeros(len(positions), dtype=np.intp)
    wrapped = np.abs(positions) % (2 * size - 2)
    return np.where(wrapped < size, wrapped, 2 * size - 2 - wrapped).astype(np.intp)
