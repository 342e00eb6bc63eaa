"""Numbers the objects of frames that were labelled by blocks, as in the whole, and writes a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.blocks.grid import common, within
from napari_unet.core.blocks.pieces import number_gaps
from napari_unet.core.objects.find import large_enough

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.blocks.divided import DividedPart, DividedTable
    from napari_unet.core.blocks.grid import BlockGrid
    from napari_unet.core.blocks.join import Joined
    from napari_unet.core.model.object_options import ObjectOptions


@dataclass(frozen=True, eq=False)
class Numbers:
    """The final numbers of the objects of a frame.

    Attributes
    ----------
    parts
        (parts,) number of each part that is one object; 0: it was divided, or is too small.
    divided
        Numbers of the objects of each divided part: ``divided[part][label]``.
    n
        Number of objects.
    """

    parts: NDArray[np.uint32]
    divided: Mapping[int, NDArray[np.uint32]]
    n: int


def number_objects(
    joined: Joined,
    divided: DividedTable,
    options: ObjectOptions,
    spacing: Sequence[float] = (),
    taken: int = 0,
) -> Numbers:
    """Remove small objects, and number the others in the order of their first pixels.

    Parameters
    ----------
    joined
        The parts of the frame.
    divided
        The objects of the contested ones. A part that is missing remains one object.
    options, spacing
        As for `find_objects`.
    taken
        The highest number in use.
    """
    n_parts = len(joined.first)
    sizes = joined.sizes + (joined.hole_sizes if options.fill_holes else 0)
    whole = np.ones(n_parts, bool)
    whole[divided.parts] = False
    kept = np.flatnonzero(whole & large_enough(sizes, options, spacing))
    large = np.flatnonzero(large_enough(divided.sizes, options, spacing))
    order = np.argsort(np.concatenate([joined.first[kept], divided.first[large]]), kind="stable")
    numbers = np.empty(len(order), np.uint32)
    numbers[order] = np.arange(taken + 1, taken + len(order) + 1)
    of_parts = np.zeros(n_parts, np.uint32)
    of_parts[kept] = numbers[: len(kept)]
    of_divided = np.zeros(len(divided.parts), np.uint32)
    of_divided[large] = numbers[len(kept) :]
    parts, starts = np.unique(divided.parts, return_index=True)
    runs = np.split(of_divided, starts[1:]) if len(parts) else []
    zero = np.zeros(1, np.uint32)
    by_part = {
        part: np.concatenate([zero, run]) for part, run in zip(parts.tolist(), runs, strict=True)
    }
    return Numbers(of_parts, by_part, len(order))


def block_labels(
    pieces: NDArray[np.uint32],
    grid: BlockGrid,
    number: int,
    joined: Joined,
    numbers: Numbers,
    divided: Iterable[tuple[int, DividedPart]],
    *,
    fill: bool,
) -> NDArray[np.uint32]:
    """Return the labels of a block.

    Parameters
    ----------
    pieces
        Of the block.
    grid, number
        The blocks, and which one.
    joined, numbers
        The parts of the frame, and the numbers of the objects.
    divided
        The divided parts that the block touches, and their numbers; others do no harm.
    fill
        Whether holes are filled.
    """
    start, stop = joined.piece_starts[number : number + 2]
    zero = np.zeros(1, np.uint32)
    labels = np.concatenate([zero, numbers.parts[joined.parts[start:stop]]])[pieces]
    start, stop = joined.gap_starts[number : number + 2]
    holes = joined.hole_parts[start:stop]
    if fill and (holes >= 0).any():
        inside = np.where(holes >= 0, numbers.parts[holes], 0).astype(np.uint32)
        labels += np.concatenate([zero, inside])[number_gaps(pieces)]
    box = grid.box(number)
    for part, each in divided:
        window = common(box, each.box)
        if window is None:
            continue
        found = each.labels[within(window, each.box)]
        new = numbers.divided[part][found]
        np.copyto(labels[within(window, box)], new, where=found > 0)
    return labels
