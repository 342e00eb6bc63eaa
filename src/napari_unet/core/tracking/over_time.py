"""The table of objects that were followed through time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.objects.measure import Columns


def over_time(columns: Columns, parents: Mapping[int, int]) -> Columns:
    """Add to a table what is known of objects through time.

    Parameters
    ----------
    columns
        As `measure` returns them, of labels that are tracks, by frame.
    parents
        The track that each daughter comes from.

    Returns
    -------
    dict of str to ndarray
        First ``track`` and ``parent`` (0: none), ``label`` last. Where each object has one row a frame,
        also ``age`` in frames and ``displacement``, in the unit of the centres, since the frame where
        it was before.
    """
    track = np.asarray(columns["label"], np.int64)
    parent = np.array([parents.get(int(number), 0) for number in track], np.int64)
    named, label = {"track": track, "parent": parent}, {"label": columns["label"]}
    rest = {name: values for name, values in columns.items() if name != "label"}
    if "t" not in columns or "z" in columns:
        return named | rest | label
    frame = np.asarray(columns["t"], np.int64)
    order = np.lexsort((frame, track))
    first = np.diff(track[order], prepend=-1) != 0
    start = frame[order][first][np.cumsum(first) - 1] if len(track) else frame
    age = np.empty(len(track), np.int64)
    age[order] = frame[order] - start
    names = [name for name in columns if name.startswith("centroid_")]
    places = np.stack([np.asarray(columns[name], float) for name in names], axis=1)[order]
    steps = np.linalg.norm(np.diff(places, axis=0, prepend=places[:1]), axis=1)
    steps[first] = np.nan
    moved = np.empty(len(track))
    moved[order] = steps
    unit = names[0].rpartition("_")[2]
    return named | rest | {"age": age, f"displacement_{unit}": moved} | label
