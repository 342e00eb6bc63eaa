"""Inspects annotations: where they apply, what they contain, whether it makes sense."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.core.annotations.annotation import Truth
from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.changes import PlaneChanges, plane_changes
from napari_unet.core.annotations.meaning import understand
from napari_unet.core.annotations.strokes import StrokeBuilder, pieces
from napari_unet.core.annotations.summary import Summary, summarise
from napari_unet.core.errors import UserError
from napari_unet.core.model.spec import default_classes
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation, PlaneKey, Strokes

MAX_CLASS_LABEL, MAX_CLASSES = 255, 32
"""Larger labels, and more different ones, must be object numbers rather than classes."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """Annotations that have been inspected.

    Attributes
    ----------
    truths
        The annotations, in the order given.
    names
        Name of each class by its number, without the background (0).
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
        """What there is to train on, what is missing, and how labels were understood."""
        return summarise(self.truths, self.names)


class _Contents(NamedTuple):
    """What an annotation contains, by its labels, before it is clear which class these mean."""

    annotation: Annotation
    applies: Mapping[PlaneKey, BitMask]
    background: int
    counts: Mapping[int, int]
    strokes: Strokes
    removed: Strokes


def inspect_annotations(
    annotations: Sequence[Annotation], names: Mapping[int, str] | None = None
) -> Job[Inspection]:
    """Inspect annotations, plane by plane, with at most two planes in memory.

    Parameters
    ----------
    annotations
        The annotations.
    names
        The classes, as in `ModelSpec.label_names`. None: those that the annotations contain.

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    Inspection
        It may be too little to train on, which `Summary.check` finds out.

    Raises
    ------
    UserError
        When labels are negative or beyond the classes, seem to number objects where they should be
        classes, or there are objects and several classes.
    """
    total = sum(sum(1 for _ in annotation.plane_keys()) for annotation in annotations)
    contents: list[_Contents] = []
    done = 0
    for annotation in annotations:
        understood = yield from understand(annotation, done, total)
        contents.append((yield from _inspect(understood, done, total)))
        done += sum(1 for _ in annotation.plane_keys())
    names = _default_names(contents) if names is None else names
    foreground = _foreground(contents, names)
    return Inspection(tuple(_truth(each, names, foreground) for each in contents), names)


def _inspect(annotation: Annotation, done: int, total: int) -> Job[_Contents]:
    areas = AnnotatedAreas(annotation)
    builder, counts, background = StrokeBuilder(annotation.kind), Counter[int](), 0
    removed = StrokeBuilder(annotation.kind)
    applies: dict[PlaneKey, BitMask] = {}
    without_data = 0
    for i, key in enumerate(annotation.plane_keys(), 1):
        frame, box = annotation.whole(key)
        if mask := areas.mask(frame.index):
            paint = annotation.read(frame, box)
            if annotation.unlabelled is not None:
                mask = BitMask.of(mask.window(*box) & (paint != annotation.unlabelled))
            missing = frame.missing() if annotation.regions or paint.any() else None
            if missing is not None:
                without_data += int(np.count_nonzero(missing & mask.window(*box)))
                mask = BitMask.of(mask.window(*box) & ~missing)
            inside = mask.window(*box)
            _check_signs(annotation, paint, frame.title)
            if annotation.regions or annotation.unlabelled is not None or missing is not None:
                paint = np.where(inside, paint, 0)
            numbered, values = pieces(paint, annotation.kind)
            changes = _changes(annotation, key, inside, numbered, values)
            # where nobody looked, a result is no annotation
            if annotation.regions or (len(values) > 1 if changes is None else changes):
                applies[key] = mask
                position, changed = _position(annotation, key), None
                if changes is not None:
                    changed = changes.changed
                    removed.add(key, position, changes.removed, changes.removed_values)
                sizes = builder.add(key, position, numbered, values, changed)
                background += int(np.count_nonzero(inside)) - int(sizes[1:].sum())
                for value, n in zip(values[1:].tolist(), sizes[1:].tolist(), strict=True):
                    counts[1 if annotation.kind == "objects" else value] += n
        yield Progress(done + i, total, "Inspecting the annotations")
    strokes, gone = builder.strokes(), removed.strokes()
    if without_data:
        annotation = _noting_gaps(annotation, without_data)
    return _Contents(annotation, applies, background, counts, strokes, gone)


def _noting_gaps(annotation: Annotation, pixels: int) -> Annotation:
    """Return the annotation with a note on pixels without data."""
    note = (
        f"{annotation.image.name}: {pixels:,} pixels without data (NaN, infinite or “no data”) take "
        "no part."
    )
    return replace(annotation, notes=(*annotation.notes, note))


def _changes(
    annotation: Annotation,
    key: PlaneKey,
    inside: NDArray[np.bool_],
    numbered: NDArray[Any],
    values: NDArray[np.int64],
) -> PlaneChanges | None:
    """Return what a person changed in a plane; None if it was painted anew."""
    before = annotation.read_before(*annotation.whole(key))
    if before is None:
        return None
    return plane_changes(numbered, values, np.where(inside, before, 0), annotation.kind)


class AnnotatedAreas:
    """The areas of planes that an annotation may apply to; each region is rasterised only once."""

    def __init__(self, annotation: Annotation) -> None:
        self._regions = annotation.regions
        self._masks = [region.mask(annotation.plane_shape) for region in annotation.regions]
        self._whole = BitMask.whole(annotation.plane_shape)
        self._unions: dict[tuple[int, ...], BitMask] = {}

    def mask(self, index: Mapping[str, int]) -> BitMask:
        """Return the area of the plane at this position along the other axes."""
        if not self._regions:
            return self._whole
        covering = tuple(i for i, region in enumerate(self._regions) if region.covers(index))
        if covering not in self._unions:
            self._unions[covering] = BitMask.union([self._masks[i] for i in covering])
        return self._unions[covering]


def _position(annotation: Annotation, key: PlaneKey) -> tuple[PlaneKey, int]:
    """Return a plane's volume and its position along Z there."""
    z = annotation.loops.find("Z")
    return (key, 0) if z < 0 else ((*key[:z], *key[z + 1 :]), key[z])


def _check_signs(annotation: Annotation, paint: NDArray[Any], title: str) -> None:
    lowest = int(paint.min())
    if lowest < 0:
        raise UserError(
            f"{annotation.name!r} has negative labels",
            value=f"{lowest}{f' at {title}' if title else ''}",
            rule="Labels must be 0 or larger.",
            remedy="Give these pixels label 0, or that of their class.",
        )


def _default_names(contents: Sequence[_Contents]) -> dict[int, str]:
    """Return names for as many classes as the annotations contain."""
    n_classes = 1
    for each in contents:
        values = [v for v, n in each.counts.items() if n]
        if each.annotation.kind == "scribbles":
            _check_class_labels(each.annotation, values)
            n_classes = max([n_classes, *(v - 1 for v in values)])
        elif len(values) > 1:
            _check_class_labels(each.annotation, [0, *values])
            n_classes = max(n_classes, *values)
    return {c: name for c, name in enumerate(default_classes(n_classes + 1, softmax=True)) if c}


def _check_class_labels(annotation: Annotation, values: Sequence[int]) -> None:
    highest = max(values, default=0)
    if highest <= MAX_CLASS_LABEL and len(values) <= MAX_CLASSES:
        return
    raise UserError(
        f"The labels of {annotation.name!r} are not classes",
        value=f"label {highest}"
        if highest > MAX_CLASS_LABEL
        else f"{len(values)} different labels",
        rule=f"There are at most {MAX_CLASSES} classes, with labels up to {MAX_CLASS_LABEL}.",
        remedy="Choose the kind 'objects' if each label is one object, or number the classes from 1.",
    )


def _foreground(contents: Sequence[_Contents], names: Mapping[int, str]) -> int | None:
    """Return the only label of all ``classes`` annotations, if it can only mean one class."""
    values = {v for each in contents if each.annotation.kind == "classes" for v in each.counts}
    return next(iter(values)) if len(values) == 1 and max(names) == 1 else None


def _truth(contents: _Contents, names: Mapping[int, str], foreground: int | None) -> Truth:
    kind = contents.annotation.kind
    if kind == "objects" and max(names) > 1:
        raise UserError(
            f"{contents.annotation.name!r} contains objects, but there are several classes",
            value=", ".join(names.values()),
            rule="Objects can only train a model with one class, the foreground.",
            remedy="Choose a model with one class, or annotate classes.",
        )
    meaning = {v: v - 1 if kind == "scribbles" else v for v in contents.counts}
    if kind == "classes" and foreground is not None:
        meaning = {foreground: 1}
    _check_classes(contents, meaning, names)
    pixels = Counter({meaning[v]: n for v, n in contents.counts.items()})
    if kind != "scribbles":
        pixels[0] = contents.background
    value = foreground if kind == "classes" and foreground != 1 else None
    return Truth(
        contents.annotation, contents.applies, pixels, contents.strokes, contents.removed, value
    )


def _check_classes(
    contents: _Contents, meaning: Mapping[int, int], names: Mapping[int, str]
) -> None:
    beyond = sorted(v for v in contents.counts if meaning[v] > max(names))
    if not beyond:
        return
    kind = contents.annotation.kind
    last = max(names) + (1 if kind == "scribbles" else 0)
    other = "" if kind == "scribbles" else " Choose the kind 'objects' if each label is one object."
    raise UserError(
        f"{contents.annotation.name!r} has labels beyond the model's classes",
        value=", ".join(map(str, beyond[:5])) + (" …" if len(beyond) > 5 else ""),
        rule=f"Labels of kind {kind} for {', '.join(names.values())} go up to {last}.",
        remedy="Remove these labels, or name as many classes as are annotated (Advanced ▸ Classes, "
        f"--classes a,b): they get a new last layer.{other}",
    )
