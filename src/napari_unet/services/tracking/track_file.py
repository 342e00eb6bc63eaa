"""A file of labels tracked, and what is written of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, as_part
from napari_unet.core.tracking.options import TrackingOptions
from napari_unet.core.tracking.track import check_time, read_frame, track
from napari_unet.services.files.labels import read_labels
from napari_unet.services.files.provenance import new_record
from napari_unet.services.files.save import check_output, labels_saved
from napari_unet.services.files.tables import check_table, save_table
from napari_unet.services.tracking.challenge import check_challenge, save_challenge

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.core.tracking.tracks import Tracks


@dataclass(frozen=True)
class TrackOutputs:
    """Where the results go; None: not written.

    Attributes
    ----------
    labels
        TIFF or OME-Zarr: labels with the same number through time.
    table
        CSV: a row for each object of each frame.
    challenge
        Folder: masks and ``res_track.txt``, as the Cell Tracking Challenge takes them.
    """

    labels: Path | None = None
    table: Path | None = None
    challenge: Path | None = None

    def check(self, source: Path, overwrite: bool) -> None:
        """Raise a `UserError` unless all of them may be written."""
        if self.labels is not None:
            check_output(self.labels, overwrite)
            if self.labels.resolve() == source.resolve():
                raise UserError(
                    "Tracked labels can't replace those that they are made from",
                    value=source,
                    rule="Input and output are two files.",
                    remedy="Choose another name for the output.",
                )
        if self.table is not None:
            check_table(self.table, overwrite)
        if self.challenge is not None:
            check_challenge(self.challenge)


class TrackedLabels:
    """Labels with the numbers of their tracks; a frame is read and renumbered when it is needed.

    Parameters
    ----------
    labels
        The labels that were tracked.
    tracks
        Their tracks.
    """

    axes: str

    def __init__(self, labels: Image, tracks: Tracks) -> None:
        self._labels, self._tracks = labels, tracks
        self.axes = "T" + "".join(a for a in "ZYX" if a in labels.axes)
        self.shape = tuple(labels.sizes[a] for a in self.axes)
        self.dtype: np.dtype[Any] = tracks.dtype
        self._last: tuple[int, NDArray[Any]] | None = None

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        t, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(t, slice):
            return np.stack([self[(i, *rest)] for i in range(*t.indices(self.shape[0]))])
        t = int(t)
        # the planes of a volume are asked for one after the other
        if self._last is None or self._last[0] != t:
            self._last = (t, self._tracks.renumbered(read_frame(self._labels, t), t))
        return np.asarray(self._last[1][tuple(rest)])


def track_file(
    source: Path,
    outputs: TrackOutputs,
    options: TrackingOptions | None = None,
    *,
    axes: str | None = None,
    overwrite: bool = False,
) -> Job[Tracks]:
    """Track the objects of a label file, frame by frame, and write what is asked for.

    Parameters
    ----------
    source
        File of labels with a time axis.
    outputs
        Where the results go.
    options
        As for `track`.
    axes
        Axes of the file where its own are wrong.
    overwrite
        Whether existing files may be replaced.

    Yields
    ------
    Progress
        In parts of the whole.

    Returns
    -------
    Tracks
        The tracks.

    Raises
    ------
    UserError
        As `track`, or when a file can't be read or written.
    """
    options = options or TrackingOptions()
    outputs.check(source, overwrite)
    labels = read_labels(source, axes=axes).image
    labels = replace(labels, name=source.name)
    check_time(labels)
    steps = 1 + (outputs.challenge is not None) + (outputs.labels is not None)
    tracks = yield from as_part(track(labels, options), 0, steps)
    if outputs.challenge is not None:
        yield from as_part(save_challenge(outputs.challenge, labels, tracks), 1, steps)
    reading = {} if axes is None else {"axes": axes}
    settings = options.model_dump(mode="json", exclude_defaults=True)

    def record(made: str) -> dict[str, Any]:
        return new_record("track", made, {"labels": source}, options=settings, **reading)

    if outputs.labels is not None:
        tracked = TrackedLabels(labels, tracks)
        how: dict[str, Any] = {"axes": tracked.axes, "overwrite": overwrite}
        saving = labels_saved(outputs.labels, tracked, labels, made_by=record("labels"), **how)
        yield from as_part(saving, steps - 1, steps)
    if outputs.table is not None:
        save_table(tracks.columns(), outputs.table, overwrite=overwrite, made_by=record("table"))
    return tracks
