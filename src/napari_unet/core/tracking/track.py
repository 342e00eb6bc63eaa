"""Following the objects of a label image through its frames, read one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.objects.measure import ABBREVIATIONS
from napari_unet.core.progress import Job, Notice, Progress
from napari_unet.core.tracking.frame_objects import FrameObjects, frame_objects
from napari_unet.core.tracking.links import Division, Metric, divide, link
from napari_unet.core.tracking.options import TrackingOptions
from napari_unet.core.tracking.tracks import Tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

HIGHEST = 2**31 - 1
"""Highest number of an object."""


def track(labels: Image, options: TrackingOptions | None = None) -> Job[Tracks]:
    """Follow objects through time: the same number in every frame, and which come from divisions.

    Objects of successive frames are linked by how much they overlap and how far their centres lie
    apart, so that all links together cost the least. What is missing for a frame or two may be found
    again. A new object and one that goes on are daughters if they are of about the same size and lie
    on both sides of where one object was before.

    Parameters
    ----------
    labels
        Whole numbers with the axes ``TYX`` or ``TZYX`` in any order: above 0, each number one object of
        its frame. Read frame by frame.
    options
        None: the defaults.

    Yields
    ------
    Progress
        In units of frames.

    Returns
    -------
    Tracks
        A row for each object of each frame. If numbers were the same through time already, exactly as
        the objects are linked, they stay; else tracks are numbered from 1 in the order they appear.

    Raises
    ------
    UserError
        When there is no time axis or a single frame, there are other axes, labels are not whole
        numbers, or no frame has an object.
    """
    options = options or TrackingOptions()
    spatial = check_time(labels)
    spacing, unit = pixel_size(labels, spatial)
    following = _Following(options, spacing)
    n_frames = labels.sizes["T"]
    empty = []
    before: NDArray[Any] | None = None
    for t in range(n_frames):
        yield Progress(t, n_frames, f"t {t}")
        now = read_frame(labels, t)
        following.add(now, before)
        before = now
        if not len(following.objects[-1]):
            empty.append(t)
    if len(empty) == n_frames:
        raise UserError(
            f"{labels.name} has no objects",
            value=f"0 everywhere in {n_frames} frames",
            rule="Objects have numbers above 0.",
            remedy="Choose a result with objects.",
        )
    if empty:
        yield Notice(n_frames, n_frames, text=_without(empty))
    found = following.tracks(labels, spatial, unit)
    if found.kept:
        text = "These labels are tracks already: their numbers are kept."
        yield Notice(n_frames, n_frames, text=text)
    return found


def check_time(labels: Image) -> str:
    """Return the spatial axes of labels that can be tracked; raise a `UserError` for others."""
    rule = "Tracking takes labels with the axes T (two frames or more), Y, X, and Z for volumes."
    if "T" not in labels.axes:
        guess = "T" + labels.axes[1:] if len(labels.axes) in (3, 4) else ""
        remedy = f"If the first axis is time, say so by `axes={guess}`." if guess else ""
        raise UserError(
            f"{labels.name} has no time axis",
            value=f"axes {labels.axes}",
            rule=rule,
            remedy=remedy or "Join the frames to one stack with a time axis.",
        )
    if labels.sizes["T"] < 2:
        raise UserError(
            f"{labels.name} is a single frame",
            value="T has length 1",
            rule=rule,
            remedy="Give all frames as one stack; if another axis is time, name it by `axes=…`.",
        )
    if odd := set(labels.axes) - set("TZYX"):
        raise UserError(
            f"{labels.name} has axes that can't be tracked",
            value=", ".join(sorted(odd)),
            rule=rule,
            remedy="Give labels without channels, one field of view at a time.",
        )
    if np.dtype(labels.data.dtype).kind not in "bui":
        raise UserError(
            f"{labels.name} does not hold labels",
            value=f"pixels of type {labels.data.dtype}",
            rule="Labels are whole numbers, 0 for the background.",
            remedy="Choose the labels, not the image or its probabilities.",
        )
    return "ZYX" if "Z" in labels.axes else "YX"


def pixel_size(labels: Image, spatial: str) -> tuple[tuple[float, ...], str]:
    """Return the pixel size along each spatial axis and its unit; 1 and ``"px"`` where it is unknown."""
    if labels.unit == "pixel" or not all(labels.scale.get(a, 0) > 0 for a in spatial):
        return (1.0,) * len(spatial), "px"
    return tuple(labels.spacing(spatial)), ABBREVIATIONS.get(labels.unit, labels.unit)


def time_interval(labels: Image) -> float | None:
    """Return the seconds between frames; None if they are unknown."""
    interval = labels.scale.get("T")
    return interval if interval and np.isfinite(interval) and interval > 0 else None


def read_frame(labels: Image, t: int) -> NDArray[Any]:
    """Return the labels of a frame, with axes in the order Z, Y, X.

    Raises
    ------
    UserError
        When a number is below 0 or above 2**31 - 1.
    """
    key = tuple(t if a == "T" else slice(None) for a in labels.axes)
    rest = labels.axes.replace("T", "")
    order = [rest.index(a) for a in "ZYX" if a in rest]
    frame = np.asarray(labels.data[key]).transpose(order)
    low, high = int(frame.min()), int(frame.max())
    if low < 0 or high > HIGHEST:
        raise UserError(
            f"{labels.name} has numbers out of range",
            value=f"{low if low < 0 else high} in frame {t}",
            rule=f"Numbers of objects lie between 0, the background, and {HIGHEST}.",
            remedy="Renumber the objects from 1.",
        )
    return frame


@dataclass
class _Following:
    """What is known of the tracks after some frames."""

    options: TrackingOptions
    spacing: Sequence[float]
    objects: list[FrameObjects] = field(default_factory=list)
    numbers: list[NDArray[np.int64]] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    used: int = 0
    reach: float = 1.0

    def add(self, labels: NDArray[Any], before: NDArray[Any] | None) -> None:
        """Link the objects of the next frame, which comes after `before`."""
        now = frame_objects(labels)
        given = np.zeros(len(now), np.int64)
        self._set_reach(now)
        if self.objects and before is not None:
            metric = Metric(self.spacing, self.reach)
            last = self.objects[-1]
            overlaps = Overlaps.of(labels, before) if len(last) and len(now) else None
            linked = link(last, now, overlaps, metric)
            given[linked[1]] = self.numbers[-1][linked[0]]
            new = np.flatnonzero(given == 0)
            divisions = divide(last, now, linked, new, metric) if self.options.divisions else []
            self._close_gaps(now, given, metric, divisions)
            for each in divisions:
                if given[each.daughters[1]] == 0:
                    self._divide(int(self.numbers[-1][each.mother]), each.daughters, given)
        born = np.flatnonzero(given == 0)
        given[born] = self.used + 1 + np.arange(len(born))
        self.used += len(born)
        self.objects.append(now)
        self.numbers.append(given)

    def tracks(self, labels: Image, spatial: str, unit: str) -> Tracks:
        """Return what was found."""
        counts = [len(each) for each in self.objects]
        label = np.concatenate([each.labels for each in self.objects])
        number = np.concatenate(self.numbers)
        kept = _same_partition(label, number) and max(counts) > 0
        parents = self.parents
        if kept:
            names = dict(zip(number.tolist(), label.tolist(), strict=True))
            number = label.copy()
            parents = {names[child]: names[mother] for child, mother in parents.items()}
        return Tracks(
            np.repeat(np.arange(len(counts)), counts),
            label,
            number,
            np.concatenate([each.centres for each in self.objects]),
            np.concatenate([each.sizes for each in self.objects]),
            parents,
            spatial,
            self.spacing,
            unit,
            time_interval(labels),
            len(counts),
            kept,
        )

    def _set_reach(self, now: FrameObjects) -> None:
        if self.options.max_distance is not None:
            self.reach = self.options.max_distance
        elif len(now):
            self.reach = float(np.median(now.diameters(self.spacing)))

    def _divide(self, mother: int, places: tuple[int, int], given: NDArray[np.int64]) -> None:
        for place in places:
            self.used += 1
            given[place] = self.used
            self.parents[self.used] = mother

    def _close_gaps(
        self,
        now: FrameObjects,
        given: NDArray[np.int64],
        metric: Metric,
        divisions: Sequence[Division],
    ) -> None:
        """Find objects again that were missing in the frames before, the latest first.

        One that may also be a daughter is found again where it lies nearer than that is unlikely.
        """
        ended = set(self.parents.values())
        nearest = np.full(len(now), np.inf)
        nearest[[each.daughters[1] for each in divisions]] = [each.cost for each in divisions]
        for back in range(2, self.options.max_gap + 2):
            if back > len(self.objects):
                return
            seen = np.concatenate([*self.numbers[1 - back :], given])
            lost = np.flatnonzero(~np.isin(self.numbers[-back], [*seen, *ended]))
            new = np.flatnonzero(given == 0)
            earlier, later = _some(self.objects[-back], lost), _some(now, new)
            rows, columns = link(earlier, later, None, metric)
            moved = metric.place(earlier)[rows] - metric.place(later)[columns]
            near = np.linalg.norm(moved, axis=1) < nearest[new[columns]]
            given[new[columns[near]]] = self.numbers[-back][lost[rows[near]]]


def _some(objects: FrameObjects, which: NDArray[np.intp]) -> FrameObjects:
    return FrameObjects(objects.labels[which], objects.centres[which], objects.sizes[which])


def _same_partition(label: NDArray[np.int64], number: NDArray[np.int64]) -> bool:
    """Whether two numberings group the same objects together."""
    pairs = np.unique(np.stack([label, number], axis=1), axis=0)
    return len(pairs) == len(np.unique(label)) == len(np.unique(number))


def _without(frames: list[int]) -> str:
    listed = ", ".join(map(str, frames[:10])) + (", …" if len(frames) > 10 else "")
    return (
        f"No objects in frame{'s' * (len(frames) > 1)} {listed}; tracks go on over short gaps only "
        "(`max_gap`)."
    )
