"""Tracks of labels that have the same number through time already, such as corrected ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.progress import Job, Progress
from napari_unet.core.tracking.frame_objects import frame_objects
from napari_unet.core.tracking.track import check_time, pixel_size, read_frame, time_interval
from napari_unet.core.tracking.tracks import Tracks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.image.axes import Image


def given_tracks(labels: Image, parents: Mapping[int, int]) -> Job[Tracks]:
    """Return the tracks that labels hold, as they are.

    Parameters
    ----------
    labels
        Whole numbers with the axes ``TYX`` or ``TZYX`` in any order: an object has the same number in
        each frame. Read frame by frame.
    parents
        The track that each daughter comes from. Those whose mother is no longer there before them are
        left out.

    Yields
    ------
    Progress
        In units of frames.

    Raises
    ------
    UserError
        As for `track`, except that there may be no object.
    """
    spatial = check_time(labels)
    spacing, unit = pixel_size(labels, spatial)
    n_frames = labels.sizes["T"]
    objects = []
    for t in range(n_frames):
        yield Progress(t, n_frames, f"t {t}")
        objects.append(frame_objects(read_frame(labels, t)))
    counts = [len(each) for each in objects]
    frame = np.repeat(np.arange(n_frames), counts)
    number = np.concatenate([each.labels for each in objects])
    first = dict(zip(number[::-1].tolist(), frame[::-1].tolist(), strict=True))
    last = dict(zip(number.tolist(), frame.tolist(), strict=True))
    return Tracks(
        frame,
        number,
        number,
        np.concatenate([each.centres for each in objects]),
        np.concatenate([each.sizes for each in objects]),
        {
            child: mother
            for child, mother in parents.items()
            if child in first and last.get(mother, n_frames) < first[child]
        },
        spatial,
        spacing,
        unit,
        time_interval(labels),
        n_frames,
        kept=True,
    )
