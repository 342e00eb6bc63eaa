"""Looks through annotations once: where they apply, what is in them, whether it makes sense."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.core.annotations.annotation import Truth
from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.strokes import StrokeBook, pieces
from napari_unet.core.annotations.summary import Summary, summarise
from napari_unet.core.errors import UserError
from napari_unet.core.model.spec import default_classes
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation, PlaneKey, Strokes

HIGHEST, SEVERAL = 255, 32
"""Labels beyond, and more different ones, number objects rather than classes."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """Annotations that have been looked through.

    Attributes
    ----------
    truths
        What each annotation says, in the order given.
    names
        Name of each class by its label value, background (0) left out.
    """

    truths: tuple[Truth, ...]
    names: Mapping[int, str]

    @property
    def pixels(self) -> tuple[int, ...]:
        """Number of labelled pixels of each class, background first."""
        return tuple(
            sum(truth.pixels.get(c, 0) for truth in self.truths) for c in range(max(self.names) + 1)
        )

    @property
    def summary(self) -> Summary:
        """What there is to train on, and what is missing."""
        return summarise(self.truths, self.names)


class _Seen(NamedTuple):
    """An annotation that has been looked through, its values still those of the paint."""

    annotation: Annotation
    applies: Mapping[PlaneKey, BitMask]
    background: int
    counts: Mapping[int, int]
    strokes: Strokes


def inspect_annotations(
    annotations: Sequence[Annotation], names: Mapping[int, str] | None = None
) -> Job[Inspection]:
    """Look through annotations, plane by plane, with no more than two planes in memory.

    Parameters
    ----------
    annotations
        The annotations.
    names
        The classes there are, as in `ModelSpec.label_names`. None: those
        that are found.

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    Inspection
        It may hold too little to train on: `Summary.check` tells.

    Raises
    ------
    UserError
        When paint is negative or has values beyond the classes, numbers objects though it should be
        classes, or there are objects and several classes.
    """
    total = sum(sum(1 for _ in annotation.plane_keys()) for annotation in annotations)
    seen: list[_Seen] = []
    done = 0
    for annotation in annotations:
        seen.append((yield from _look_through(annotation, done, total)))
        done += sum(1 for _ in annotation.plane_keys())
    names = _found_names(seen) if names is None else names
    foreground = _foreground(seen, names)
    return Inspection(tuple(_truth(one, names, foreground) for one in seen), names)


def _look_through(annotation: Annotation, done: int, total: int) -> Job[_Seen]:
    where = Where(annotation)
    book, counts, background = StrokeBook(annotation.kind), Counter[int](), 0
    applies: dict[PlaneKey, BitMask] = {}
    for i, key in enumerate(annotation.plane_keys(), 1):
        frame, box = annotation.whole(key)
        if mask := where(frame.index):
            paint = annotation.read(frame, box)
            inside = mask.window(*box)
            _check_signs(annotation, paint, frame.title)
            if annotation.regions:
                paint = np.where(inside, paint, 0)
            if annotation.regions or paint.any():
                applies[key] = mask
                numbered, values = pieces(paint, annotation.kind)
                sizes = book.add(key, _place(annotation, key), numbered, values)
                background += int(np.count_nonzero(inside)) - int(sizes[1:].sum())
                for value, n in zip(values[1:].tolist(), sizes[1:].tolist(), strict=True):
                    counts[1 if annotation.kind == "objects" else value] += n
        yield Progress(done + i, total, "Looking through the annotations")
    return _Seen(annotation, applies, background, counts, book.close())


class Where:
    """Where an annotation may apply in a plane; each shape of region is drawn once."""

    def __init__(self, annotation: Annotation) -> None:
        self._regions = annotation.regions
        self._masks = [region.mask(annotation.plane_shape) for region in annotation.regions]
        self._whole = BitMask.whole(annotation.plane_shape)
        self._unions: dict[tuple[int, ...], BitMask] = {}

    def __call__(self, index: Mapping[str, int]) -> BitMask:
        """Return the pixels of the plane at this position along the other axes."""
        if not self._regions:
            return self._whole
        there = tuple(i for i, region in enumerate(self._regions) if region.covers(index))
        if there not in self._unions:
            self._unions[there] = BitMask.union([self._masks[i] for i in there])
        return self._unions[there]


def _place(annotation: Annotation, key: PlaneKey) -> tuple[PlaneKey, int]:
    """Return a plane's volume and its position along Z there."""
    z = annotation.loops.find("Z")
    return (key, 0) if z < 0 else ((*key[:z], *key[z + 1 :]), key[z])


def _check_signs(annotation: Annotation, paint: NDArray[Any], title: str) -> None:
    lowest = int(paint.min())
    if lowest < 0:
        raise UserError(
            f"{annotation.name!r} has negative labels",
            value=f"{lowest}{f' at {title}' if title else ''}",
            rule="Labels are 0 or more.",
            remedy="Give these pixels label 0, or that of their class.",
        )


def _found_names(seen: Sequence[_Seen]) -> dict[int, str]:
    """Names for as many classes as the paint needs."""
    most = 1
    for one in seen:
        values = [v for v, n in one.counts.items() if n]
        if one.annotation.kind == "scribbles":
            _check_few(one.annotation, values)
            most = max([most, *(v - 1 for v in values)])
        elif len(values) > 1:
            _check_few(one.annotation, [0, *values])
            most = max(most, *values)
    return {c: name for c, name in enumerate(default_classes(most + 1, softmax=True)) if c}


def _check_few(annotation: Annotation, values: Sequence[int]) -> None:
    highest = max(values, default=0)
    if highest <= HIGHEST and len(values) <= SEVERAL:
        return
    raise UserError(
        f"The labels of {annotation.name!r} are no classes",
        value=f"label {highest}" if highest > HIGHEST else f"{len(values)} different ones",
        rule=f"There are at most {SEVERAL} classes, with labels up to {HIGHEST}.",
        remedy="Choose the kind 'objects' if each label is one object, else number the classes from 1.",
    )


def _foreground(seen: Sequence[_Seen], names: Mapping[int, str]) -> int | None:
    """Return the one value of all ``classes`` paint, where there is one class that it can mean."""
    values = {v for one in seen if one.annotation.kind == "classes" for v in one.counts}
    return next(iter(values)) if len(values) == 1 and max(names) == 1 else None


def _truth(seen: _Seen, names: Mapping[int, str], foreground: int | None) -> Truth:
    kind = seen.annotation.kind
    if kind == "objects" and max(names) > 1:
        raise UserError(
            f"{seen.annotation.name!r} holds objects, but there are several classes",
            value=", ".join(names.values()),
            rule="Objects train a model with one class, the foreground.",
            remedy="Choose a model with one class, or paint classes.",
        )
    meaning = {v: v - 1 if kind == "scribbles" else v for v in seen.counts}
    if kind == "classes" and foreground is not None:
        meaning = {foreground: 1}
    _check_classes(seen, meaning, names)
    pixels = Counter({meaning[v]: n for v, n in seen.counts.items()})
    if kind != "scribbles":
        pixels[0] = seen.background
    value = foreground if kind == "classes" and foreground != 1 else None
    return Truth(seen.annotation, seen.applies, pixels, seen.strokes, value)


def _check_classes(seen: _Seen, meaning: Mapping[int, int], names: Mapping[int, str]) -> None:
    beyond = sorted(v for v in seen.counts if meaning[v] > max(names))
    if not beyond:
        return
    kind = seen.annotation.kind
    last = max(names) + (1 if kind == "scribbles" else 0)
    other = "" if kind == "scribbles" else " Choose the kind 'objects' if each label is one object."
    raise UserError(
        f"{seen.annotation.name!r} has labels beyond the model's classes",
        value=", ".join(map(str, beyond[:5])) + (" …" if len(beyond) > 5 else ""),
        rule=f"As {kind} for {', '.join(names.values())}, labels go up to {last}.",
        remedy="Remove these labels, or name as many classes as were painted (Advanced ▸ Classes, "
        f"--classes a,b): they get a new last layer.{other}",
    )
