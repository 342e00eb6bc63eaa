"""Tracks: which object of which frame is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Tracks:
    """Objects followed through time; a row for each object of each frame, frame by frame.

    Attributes
    ----------
    frame
        (n,) the frame, from 0.
    label
        (n,) the number of the object in the labels that were tracked.
    track
        (n,) the number of its track: the same through time, from 1.
    centre
        (n, d) where it lies along each spatial axis, in pixels.
    size
        (n,) its pixels.
    parents
        The track that each daughter comes from, by the daughter's track.
    axes
        The spatial axes, such as ``"YX"``.
    spacing
        Pixel size along each of them, in `unit`.
    unit
        Unit of lengths, such as ``"um"``; ``"px"`` if the pixel size is unknown.
    interval
        Seconds between frames; None: unknown.
    n_frames
        Number of frames, including those without objects.
    kept
        Whether the labels were tracks already, so that their numbers were kept.
    """

    frame: NDArray[np.int64]
    label: NDArray[np.int64]
    track: NDArray[np.int64]
    centre: NDArray[np.float64]
    size: NDArray[np.int64]
    parents: Mapping[int, int]
    axes: str
    spacing: Sequence[float]
    unit: str
    interval: float | None
    n_frames: int
    kept: bool

    @property
    def count(self) -> int:
        """Number of tracks."""
        return len(np.unique(self.track))

    @property
    def divisions(self) -> int:
        """Number of objects that divide."""
        return len(set(self.parents.values()))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest of uint16 and uint32 that holds the numbers of all tracks."""
        highest = int(self.track.max(initial=0))
        return np.dtype(np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32)

    @property
    def graph(self) -> dict[int, list[int]]:
        """Daughters and their mothers, as a Tracks layer of napari takes them."""
        return {daughter: [mother] for daughter, mother in self.parents.items()}

    def points(self) -> NDArray[np.float64]:
        """Return (n, 2 + d) rows of track, frame and centre in pixels, as napari's Tracks take them."""
        rows = np.column_stack([self.track, self.frame, self.centre]).astype(float)
        return np.asarray(rows[np.lexsort((self.frame, self.track))])

    def renumbered(self, labels: NDArray[Any], frame: int) -> NDArray[Any]:
        """Return the labels of a frame with the numbers of their tracks."""
        here = self.frame == frame
        return renumbered(labels, self.label[here], self.track[here], self.dtype)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the table over time, by track and then by frame.

        ``track``, ``parent`` (0: none), ``t``, ``time_s`` where the interval is known, ``label`` as it
        was, size, centre, ``displacement`` since the frame before and ``age`` in frames.
        """
        order = np.lexsort((self.frame, self.track))
        track, frame = self.track[order], self.frame[order]
        places = self.centre[order] * np.asarray(self.spacing)
        first = np.diff(track, prepend=-1) != 0
        moved = np.full(len(track), np.nan)
        if len(track) > 1:
            moved[1:] = np.linalg.norm(np.diff(places, axis=0), axis=1)
        moved[first] = np.nan
        born = frame[first][np.cumsum(first) - 1] if len(track) else frame
        whole = self.unit != "px"
        kind = "volume" if len(self.axes) == 3 else "area"
        size = self.size[order] * float(np.prod(self.spacing)) if whole else self.size[order]
        table: dict[str, NDArray[Any]] = {
            "track": track,
            "parent": np.array([self.parents.get(int(k), 0) for k in track], np.int64),
            "t": frame,
        }
        if self.interval is not None:
            table["time_s"] = frame * self.interval
        table["label"] = self.label[order]
        table[f"{kind}_{self.unit}{len(self.axes) if whole else ''}"] = size
        for axis, along in zip(self.axes, places.T, strict=True):
            table[f"centroid_{axis.lower()}_{self.unit}"] = along
        return table | {f"displacement_{self.unit}": moved, "age": frame - born}


def renumbered(
    labels: NDArray[Any], old: NDArray[np.int64], new: NDArray[np.int64], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Give objects other numbers.

    Parameters
    ----------
    labels
        Whole numbers.
    old
        (n,) all numbers above 0 in `labels`, ascending.
    new
        (n,) what they become.
    dtype
        Type of the result.
    """
    numbers = np.concatenate([[0], old])
    values = np.concatenate([[0], new]).astype(dtype)
    return np.asarray(values[np.searchsorted(numbers, labels.astype(np.int64, copy=False))])
