"""Labels in memory linked through time, and numbered by their tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.progress import Job, Progress, as_part
from napari_unet.core.tracking.track import read_frame, track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.core.tracking.options import TrackingOptions
    from napari_unet.core.tracking.tracks import Tracks


@dataclass(frozen=True, eq=False)
class Linked:
    """Labels that were linked.

    Attributes
    ----------
    tracks
        Their tracks.
    labels
        The same objects with the numbers of their tracks, with the axes of the labels.
    """

    tracks: Tracks
    labels: NDArray[Any]


def link_labels(labels: Image, options: TrackingOptions | None = None) -> Job[Linked]:
    """Link objects through time, and give them the numbers of their tracks.

    Parameters
    ----------
    labels, options
        As for `track`. The labels stay as they are.

    Yields
    ------
    Progress
        In parts of the whole.

    Raises
    ------
    UserError
        As `track`.
    """
    tracks = yield from as_part(track(labels, options), 0, 2)
    numbers = np.empty(labels.data.shape, tracks.dtype)
    order = [labels.axes.index(a) for a in "TZYX" if a in labels.axes]
    frames = numbers.transpose(order)
    for t in range(tracks.n_frames):
        yield Progress(1 + t / tracks.n_frames, 2, f"numbering t {t}")
        frames[t] = tracks.renumbered(read_frame(labels, t), t)
    return Linked(tracks, numbers)
