"""Blending of overlapping tiles, for networks whose output depends on the tile.

Group and instance norms measure each tile by itself, so neighbouring tiles disagree. Blending hides the
seams; it can't make the tiles equal to the whole image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.inference.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.progress import Job


def blend(job: Job[None]) -> Job[None]:
    """Blend the outputs of overlapping windows into those of whole frames.

    Parameters
    ----------
    job
        Yields the outputs of windows, frame after frame.

    Yields
    ------
    Progress
        What `job` yields, except its outputs.
    Outputs
        Those of each whole frame, once a window of the next one arrives.
    """
    current: Outputs | None = None
    total = weight = np.zeros(0, dtype=np.float32)
    for progress in job:
        if not isinstance(progress, Outputs):
            yield progress
            continue
        if current is None or progress.frame is not current.frame:
            if current is not None:
                yield _blended(current, total, weight)
            shape = progress.frame.shape
            total = np.zeros((len(progress.values), *shape), dtype=np.float32)
            weight = np.zeros(shape, dtype=np.float32)
        current = progress
        fade = _fading_weights([s.stop - s.start for s in progress.write])
        total[(slice(None), *progress.write)] += progress.values * fade
        weight[progress.write] += fade
    if current is not None:
        yield _blended(current, total, weight)


def _blended(last: Outputs, total: NDArray[np.float32], weight: NDArray[np.float32]) -> Outputs:
    box = tuple(slice(0, n) for n in last.frame.shape)
    return replace(last, write=box, values=total / weight)


def _fading_weights(shape: Sequence[int]) -> NDArray[np.float32]:
    """Return weights that fall linearly from the middle of a window to its edges, but not to 0."""
    weights = np.ones((), dtype=np.float32)
    for n in shape:
        ramp = np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).astype(np.float32)
        weights = np.multiply.outer(weights, ramp / ramp.max())
    return weights
