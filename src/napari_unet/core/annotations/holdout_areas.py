"""Regions and planes of dense classes, which are held out as a whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_unet.core.annotations.validation_split import Candidate, split_candidates
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import PlaneKey, Truth
    from napari_unet.core.annotations.bitmask import BitMask


class Area(NamedTuple):
    """A region or plane of dense classes.

    Attributes
    ----------
    candidate
        The area as a candidate of the validation split.
    planes
        Its pixels, plane by plane.
    classes
        The classes in it.
    """

    candidate: Candidate
    planes: Mapping[PlaneKey, BitMask]
    classes: set[int]


def find_areas(truths: Sequence[Truth], numbers: Sequence[int]) -> Job[list[Area]]:
    """Return the regions of some annotations, and the planes of those without regions."""
    areas: list[Area] = []
    for i in numbers:
        annotation, applies = truths[i].annotation, truths[i].applies
        parts: list[dict[PlaneKey, BitMask]] = []
        for region in annotation.regions:
            keys = [key for key in applies if region.covers(annotation.plane(key).index)]
            parts.append(dict.fromkeys(keys, region.mask(annotation.plane_shape)))
        if not parts:
            parts = [{key: mask} for key, mask in applies.items()]
        for part in filter(None, parts):
            pixels: Counter[int] = Counter()
            for key, mask in part.items():
                pixels.update(count_classes(truths[i], key, mask))
                yield Progress(len(areas), len(areas) + 1, "Choosing the validation set")
            key, mask = next(iter(part.items()))
            middle = (*key, *((s.start + s.stop) // 2 for s in mask.box))
            name = annotation.image.name
            candidate = Candidate(i, len(areas), pixels.total(), name, middle)
            areas.append(Area(candidate, part, set(pixels)))
    return areas


def split_areas(areas: Sequence[Area], fraction: float, seed: int) -> tuple[list[Area], str]:
    """Choose areas to hold out; if that is impossible, say which class prevents it."""
    counts = Counter(c for area in areas for c in area.classes)
    single = {c for c, n in counts.items() if n == 1}
    # some class may go without validation, but neither the background nor all others
    if 0 in single or (single and single >= counts.keys() - {0}):
        return [], (
            f"No validation set: {class_name(min(single))} is in a single region or plane only. "
            "Validation needs the background and a class in at least two of them each."
        )
    candidates = [area.candidate for area in areas]
    split = split_candidates(candidates, fraction, seed, [area.classes for area in areas])
    if split.missing:
        return [], (
            f"No validation set: {class_name(min(split.missing))} is only in regions or planes that "
            "are needed for training. Annotate more of them with it."
        )
    held = set(split.held)
    return [area for area in areas if area.candidate in held], ""


def class_name(number: int) -> str:
    """Return what messages call a class."""
    return f"class {number}" if number else "background"


def count_classes(truth: Truth, key: PlaneKey, mask: BitMask) -> dict[int, int]:
    """Count the pixels of each class in a part of a plane."""
    frame, _ = truth.annotation.whole(key)
    labels = truth.labels(frame, mask.box)[mask.window(*mask.box)]
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
