"""Reading all pixels of frames, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame

BLOCK_PIXELS = 1 << 22
"""Pixels read at a time while measuring."""


def blocks(shape: Sequence[int], limit: int = BLOCK_PIXELS) -> Iterator[Box]:
    """Cut a shape into boxes of at most `limit` pixels (at least one row) that cover it once."""
    if len(shape) == 1 or int(np.prod(shape)) <= limit:
        yield tuple(slice(0, n) for n in shape)
        return
    inner = int(np.prod(shape[1:]))
    if inner > limit:
        for i in range(shape[0]):
            for rest in blocks(shape[1:], limit):
                yield (slice(i, i + 1), *rest)
        return
    step = limit // inner
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])), *(slice(0, n) for n in shape[1:]))


def read_blocks(frames: Sequence[Frame]) -> Iterator[tuple[Progress, NDArray[Any]]]:
    """Read all pixels of some frames.

    Parameters
    ----------
    frames
        Frames of the same shape.

    Yields
    ------
    Progress
        How much has been read.
    ndarray
        (channels, pixels): the next block, of at most `BLOCK_PIXELS` pixels; NaN where one lacks data.
    """
    boxes = list(blocks(frames[0].shape))
    total = len(boxes) * len(frames)
    for i, frame in enumerate(frames):
        for j, box in enumerate(boxes):
            block = frame.read(box)
            yield (
                Progress(i * len(boxes) + j + 1, total, "Measuring intensity"),
                block.reshape(len(block), -1),
            )
