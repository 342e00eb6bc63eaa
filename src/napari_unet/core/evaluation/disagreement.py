"""Where a network disagrees with what was annotated: annotations that are worth a second look.

For each annotated object there are three reasons, and the strongest counts:

- *outline*: how much less likely its foreground is for the network than the network's own opinion, in
  nats a pixel, over the object and a margin around it. Where it is unsure, nothing is unlikely;
- *several*: the network sees several objects in it. As much as the network is sure of what lies between
  them;
- *part*: the network sees one object where several are annotated. As much as it is sure that there is no
  boundary between these.

The last two count `SHARE`, as networks divide and merge objects more often than people do. It was chosen
on the network's own training images with errors planted in them (`benchmarks/doubt.py`). An object that
the network found where nothing is annotated is listed, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import edt
import numpy as np
from scipy import ndimage

from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.inference.outputs import UINT8_SCALE
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Numbers = NDArray[np.int64]

SHARE = 0.2
"""What *several* and *part* count, relative to *outline*."""
MARGIN, MIN_MARGIN = 0.3, 2.0
"""The margin around an object: a share of its radius, at least so many pixels."""
RIM_PX = 2.0
"""Between two objects counts what is deeper inside the annotated one than this."""
SURE = 0.02
"""Probabilities count as no less certain than this."""
PIECE = 1 << 20
"""Pixels that are summed at once, so that other threads have their turn."""
STEP = 50
"""Objects between two steps of progress."""
OVERLOOKED = 0.1
"""A found object is not annotated if less than this share of it is covered."""
REASONS = ("outline differs", "may be several objects", "may be part of one object")
NOTHING, MISSED = "the network sees no object", "found by the network, not annotated"
AGREES, NO_LESS = "the network agrees", 0.05
"""In words, below this disagreement."""


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How much a network disagrees with the annotation of a plane or volume.

    Attributes
    ----------
    numbers
        (n,) the annotated objects, and 0 for each that was found but not annotated.
    centres
        (n, dimensions) mean of the pixels of each.
    pixels
        (n,) pixels of each.
    values
        (n,) the disagreement, 0 and above; nats a pixel.
    why
        The reason, in words.
    """

    numbers: Numbers
    centres: Values
    pixels: Numbers
    values: Values
    why: list[str]


def disagreement(
    labels: NDArray[Any],
    found: NDArray[Any],
    outputs: NDArray[np.uint8],
    known: NDArray[np.bool_] | None = None,
) -> Job[Disagreement]:
    r"""Compare the annotation of a plane or volume with a network's outputs.

    Parameters
    ----------
    labels
        ([Z,] Y, X): the annotated objects, 0 or less elsewhere.
    found
        Same shape: the objects that the network finds.
    outputs
        uint8, (channels, \*shape): foreground and boundary, or the foreground alone.
    known
        Same shape: where the annotation applies; None: everywhere.

    Yields
    ------
    Progress
        In units of objects.
    """
    annotated, its_objects = _Objects.of(labels), _Objects.of(found)
    overlaps = Overlaps.of(annotated.labels, its_objects.labels)
    several, part = _several(overlaps), _part(overlaps)
    seen = np.isin(annotated.ids, overlaps.predicted[overlaps.columns])
    against = np.zeros((len(annotated.ids), len(REASONS)))
    for i, box in enumerate(annotated.boxes):
        if i % STEP == 0:
            yield Progress(i, len(annotated.ids))
        view = _View.of(annotated, i, box, its_objects.labels, outputs)
        against[i, 0] = view.outline()
        against[i, 1] = SHARE * view.between() if several[i] else 0
        against[i, 2] = SHARE * view.touching() if part[i] else 0
    strongest, most = against.argmax(axis=1), against.max(axis=1, initial=0)
    why = [REASONS[s] if some else NOTHING for s, some in zip(strongest, seen, strict=True)]
    why = [words if value > NO_LESS else AGREES for words, value in zip(why, most, strict=True)]
    overlooked, values = _overlooked(annotated.labels, its_objects, outputs[0], known)
    return Disagreement(
        np.concatenate([annotated.numbers, np.zeros(len(overlooked), np.int64)]),
        np.concatenate([annotated.centres, its_objects.centres[overlooked]]),
        np.concatenate([annotated.pixels, its_objects.pixels[overlooked]]),
        np.concatenate([most, values]),
        why + [MISSED] * len(overlooked),
    )


@dataclass(frozen=True, eq=False)
class _Objects:
    """Objects, numbered from 1 without gaps; where and how large they are."""

    labels: Numbers
    numbers: Numbers
    pixels: Numbers
    centres: Values
    boxes: Sequence[tuple[slice, ...]]

    @property
    def ids(self) -> Numbers:
        """Their numbers in `labels`."""
        return np.arange(1, len(self.numbers) + 1)

    @classmethod
    def of(cls, labels: NDArray[Any]) -> _Objects:
        where = np.flatnonzero(labels > 0)
        numbers, which = np.unique(labels.ravel()[where], return_inverse=True)
        which, n = which.reshape(-1), len(numbers)
        compact = np.zeros(labels.shape, np.int64)
        compact.ravel()[where] = which + 1
        sums = np.zeros((labels.ndim, n))
        pixels = np.zeros(n, np.int64)
        first = np.full((labels.ndim, n), max(labels.shape, default=0))
        last = np.zeros((labels.ndim, n), np.int64)
        for start in range(0, len(where), PIECE):
            inside = which[start : start + PIECE]
            pixels += np.bincount(inside, minlength=n)
            places = np.unravel_index(where[start : start + PIECE], labels.shape)
            for axis, place in enumerate(places):
                sums[axis] += np.bincount(inside, place, n)
                np.minimum.at(first[axis], inside, place)
                np.maximum.at(last[axis], inside, place)
        boxes = [tuple(map(slice, a, b)) for a, b in zip(first.T, last.T + 1, strict=True)]
        return cls(compact, numbers.astype(np.int64), pixels, (sums / pixels).T, boxes)


@dataclass(frozen=True, eq=False)
class _View:
    """An annotated object with its margin, cut out of the plane."""

    mask: NDArray[np.bool_]
    labels: Numbers
    found: Numbers
    outputs: NDArray[np.uint8]
    margin: float

    @classmethod
    def of(
        cls,
        annotated: _Objects,
        i: int,
        box: tuple[slice, ...],
        found: Numbers,
        outputs: NDArray[np.uint8],
    ) -> _View:
        radius = (annotated.pixels[i] / _BALL[len(box)]) ** (1 / len(box))
        margin = max(MIN_MARGIN, MARGIN * float(radius))
        more = int(margin) + 1
        window = tuple(slice(max(part.start - more, 0), part.stop + more) for part in box)
        labels = annotated.labels[window]
        return cls(labels == i + 1, labels, found[window], outputs[(slice(None), *window)], margin)

    def outline(self) -> float:
        """How unlikely the foreground of the object is, over object and margin."""
        outside = edt.edt(~self.mask, black_border=False)
        zone = self.mask | ((self.labels == 0) & (outside <= self.margin))
        return _mean(_unlikely(self.outputs[0], self.mask), zone)

    def between(self) -> float:
        """How sure the network is of what lies between the objects it sees in this one."""
        depth = edt.edt(self.mask, black_border=False)
        between = ((self.found == 0) | _contacts(self.found)) & (depth > RIM_PX)
        unlikely = _unlikely(self.outputs[0], True)
        if len(self.outputs) > 1:
            unlikely = np.maximum(unlikely, _unlikely(self.outputs[1], False))
        return _mean(unlikely, between)

    def touching(self) -> float:
        """How sure the network is that there is no boundary to the objects that touch this one."""
        if len(self.outputs) < 2:
            return 0.0
        touching = self.mask & _contacts(self.labels) & (self.found > 0)
        return _mean(_unlikely(self.outputs[1], True), touching)


_BALL = {2: np.pi, 3: 4 * np.pi / 3}


def _several(overlaps: Overlaps) -> NDArray[np.bool_]:
    """Which annotated objects have most of several of the network's in them."""
    inside = 2 * overlaps.shared > overlaps.true_sizes[overlaps.rows]
    counts = np.bincount(overlaps.columns[inside], minlength=len(overlaps.predicted))
    return np.asarray(counts > 1)


def _part(overlaps: Overlaps) -> NDArray[np.bool_]:
    """Which annotated objects lie mostly in one of the network's, together with others."""
    inside = 2 * overlaps.shared > overlaps.predicted_sizes[overlaps.columns]
    parts = np.bincount(overlaps.rows[inside], minlength=len(overlaps.true))
    together = np.zeros(len(overlaps.predicted), bool)
    together[overlaps.columns[inside & (parts[overlaps.rows] > 1)]] = True
    return together


def _overlooked(
    labels: Numbers,
    found: _Objects,
    foreground: NDArray[np.uint8],
    known: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.intp], Values]:
    """Return which of the network's objects are not annotated, and how sure it is of them."""
    free = (labels == 0) if known is None else (labels == 0) & known
    kept, values = [], []
    for i, box in enumerate(found.boxes):
        mask = found.labels[box] == i + 1
        if np.count_nonzero(mask & free[box]) > (1 - OVERLOOKED) * found.pixels[i]:
            kept.append(i)
            # spread over a margin, as those of the annotated ones are
            spread = (1 + MARGIN) ** mask.ndim
            values.append(_mean(_unlikely(foreground[box], False), mask) / spread)
    return np.array(kept, np.intp), np.array(values)


def _contacts(labels: Numbers) -> NDArray[np.bool_]:
    """Which pixels of an object have another object beside them."""
    beyond = np.iinfo(np.int64).max
    highest = ndimage.maximum_filter(labels, size=3)
    lowest = ndimage.minimum_filter(np.where(labels > 0, labels, beyond), size=3)
    contacts: NDArray[np.bool_] = (labels > 0) & ((highest != labels) | (lowest != labels))
    return contacts


def _unlikely(probability: NDArray[np.uint8], annotated: NDArray[np.bool_] | bool) -> Values:
    """Return the cross-entropy of an annotation, less that of the network's own opinion."""
    p = np.clip(probability / UINT8_SCALE, SURE, 1 - SURE)
    # -log q(a) + p log p + (1 - p) log (1 - p), where q(a) is p or 1 - p
    unlikely: Values = (p - annotated) * (np.log(p) - np.log(1 - p))
    return unlikely


def _mean(values: Values, where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else 0.0
