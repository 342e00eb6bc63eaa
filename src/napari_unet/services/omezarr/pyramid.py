"""Pyramids of labels: every pixel of a level is one of the level before, so no number is made up."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_unet.core.image.axes import Box

SMALLEST = 512
"""No level is made of one whose planes are not longer."""
MAX_LEVELS = 12


def level_steps(
    axes: str, shape: Sequence[int], scale: Mapping[str, float]
) -> list[dict[str, int]]:
    """Return how many pixels of the first level one of each level stands for, along each axis.

    Axes whose pixels are more than twice as large as the smallest are not halved.

    Parameters
    ----------
    axes, shape
        Of the first level.
    scale
        Size of its pixels; what is missing counts as 1.
    """
    spatial = [a for a in "ZYX" if a in axes]
    sizes = dict(zip(axes, shape, strict=True))
    steps = [dict.fromkeys(axes, 1)]
    while len(steps) < MAX_LEVELS:
        last = steps[-1]
        length = {a: -(-sizes[a] // last[a]) for a in spatial}
        if max(length["Y"], length["X"]) <= SMALLEST:
            break
        pixel = {a: float(scale.get(a, 1.0)) * last[a] for a in spatial}
        finest = min(pixel[a] for a in "YX")
        halved = [a for a in spatial if length[a] > 1 and pixel[a] < 2 * finest]
        steps.append({a: n * (2 if a in halved else 1) for a, n in last.items()})
    return steps


def fill_level(finer: Any, coarser: Any, step: Sequence[int], window: Sequence[int]) -> Job[None]:
    """Fill a level by every so manyth pixel of the one before.

    Parameters
    ----------
    finer, coarser
        Arrays of the same number of axes.
    step
        Pixels along each axis.
    window
        Of the coarser level, written at a time.
    """
    boxes = list(windows(coarser.shape, window))
    for i, box in enumerate(boxes):
        yield Progress(i, len(boxes), "smaller levels")
        source = tuple(
            slice(s.start * n, min(s.stop * n, length), n)
            for s, n, length in zip(box, step, finer.shape, strict=True)
        )
        coarser[box] = finer[source]


def windows(shape: Sequence[int], window: Sequence[int]) -> Iterator[Box]:
    """Cut a shape into windows, those at the far edges smaller."""
    starts = (range(0, n, w) for n, w in zip(shape, window, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(s, min(s + w, n)) for s, w, n in zip(corner, window, shape, strict=True))
