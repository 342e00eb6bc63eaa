"""Divides parts that lie in several blocks, and reads what is needed for that by its window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import fastremap
import numpy as np

from napari_unet.core.blocks.grid import common, within
from napari_unet.core.objects.find import filled
from napari_unet.core.objects.watershed import divide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_unet.core.blocks.grid import BlockGrid
    from napari_unet.core.blocks.join import Joined
    from napari_unet.core.image.axes import Box

    Read = Callable[[Box], NDArray[np.uint8]]
    ReadNumbers = Callable[[Box], NDArray[np.uint32]]

BYTES_PER_PIXEL = 80
"""Memory that dividing a part takes, per pixel of its window: measured 79 in planes, 77 in volumes."""


@dataclass(frozen=True, eq=False)
class DividedPart:
    """The objects of a part that lies in several blocks.

    Attributes
    ----------
    low
        (axes,) the first pixel of its window in the frame.
    labels
        Its objects in the window, from 1; 0 elsewhere.
    first, sizes
        (n,) of each object: place of its first pixel in the frame, and pixels.
    """

    low: NDArray[np.int64]
    labels: NDArray[np.uint32]
    first: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def box(self) -> Box:
        """Its window in the frame."""
        ends = zip(self.low.tolist(), self.labels.shape, strict=True)
        return tuple(slice(low, low + n) for low, n in ends)


@dataclass(frozen=True, eq=False)
class DividedTable:
    """What is known of the objects of parts that were divided, without their pixels.

    Attributes
    ----------
    parts
        (n,) part that each object is in; those of a part follow each other, in the order of labels.
    first, sizes
        (n,) as in `DividedPart`.
    """

    parts: NDArray[np.int64]
    first: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, divided: Iterable[tuple[int, DividedPart]]) -> DividedTable:
        """Return the table of some parts and their numbers."""
        none = np.zeros(0, np.int64)
        rows = [(np.full(len(d.first), part), d.first, d.sizes) for part, d in divided]
        columns = zip((none, none, none), *rows, strict=True)
        return cls(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True, eq=False)
class BlockReader:
    """Reads what the blocks of a frame hold.

    Attributes
    ----------
    grid
        The blocks.
    pieces, cores, distance
        Read a window of a block: the pieces and cores as numbered in that block, and the distance.
    """

    grid: BlockGrid
    pieces: ReadNumbers
    cores: ReadNumbers
    distance: Read


def divide_part(joined: Joined, part: int, reader: BlockReader, *, fill: bool) -> DividedPart:
    """Divide a part that lies in several blocks, as `find_objects` divides it in the whole frame.

    Parameters
    ----------
    joined
        The parts of the frame.
    part
        Number of a contested one.
    reader
        Reads the blocks of the frame.
    fill
        Whether to fill holes in its objects.
    """
    box = joined.box(part)
    shape = tuple(s.stop - s.start for s in box)
    mask, others = np.zeros(shape, bool), np.zeros(shape, bool)
    cores = np.zeros(shape, np.int32)
    for number in reader.grid.touching(box):
        _read_block(joined, part, reader, number, (mask, others, cores))
    cores, _ = fastremap.renumber(cores, in_place=True)
    labels = divide(mask.astype(np.uint32), cores.astype(np.uint32), reader.distance(box))
    labels[mask] -= np.uint32(1)
    if fill:
        axes = [axis for axis, n in enumerate(reader.grid.shape) if n > 1]
        neighbour = np.uint32(int(labels.max()) + 1)
        labels[others] = neighbour
        labels = filled(labels, axes)
        # with them goes what they enclose
        labels[labels == neighbour] = 0
    flat = labels.ravel()
    _, first = np.unique(flat, return_index=True)
    if flat.min() == 0:
        first = first[1:]
    local = np.unravel_index(first, shape)
    place = [i + s.start for i, s in zip(local, box, strict=True)]
    return DividedPart(
        low=joined.low[part],
        labels=labels,
        first=np.ravel_multi_index(place, reader.grid.shape).astype(np.int64),
        sizes=np.bincount(flat)[1:],
    )


def _read_block(
    joined: Joined,
    part: int,
    reader: BlockReader,
    number: int,
    into: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int32]],
) -> None:
    """Read what a block holds of a part, of others, and of the part's cores."""
    box = joined.box(part)
    window = common(reader.grid.box(number), box)
    assert window is not None
    inner = within(window, box)
    mask, others, cores = into
    pieces = reader.pieces(window)
    start, stop = joined.piece_starts[number : number + 2]
    ours = np.append(False, joined.parts[start:stop] == part)
    mask[inner] = ours[pieces]
    others[inner] = (pieces > 0) & ~mask[inner]
    start, stop = joined.core_starts[number : number + 2]
    alive = np.append(np.int64(0), joined.cores[start:stop] + 1).astype(np.int32)
    cores[inner] = np.where(mask[inner], alive[reader.cores(window)], 0)
