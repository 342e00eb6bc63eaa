"""How a model, or labels, do on labelled pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.axes import frames
from napari_unet.core.errors import UserError
from napari_unet.core.matching import ObjectScores
from napari_unet.core.metrics import Confusion
from napari_unet.core.overlaps import Overlaps
from napari_unet.core.progress import Progress, as_part
from napari_unet.core.regions import Region
from napari_unet.core.survey import HIGHEST, SEVERAL, survey
from napari_unet.services.evaluation import (
    Evaluation,
    LabelsCompared,
    ObjectEvaluation,
    ObjectsCompared,
)
from napari_unet.services.label_pairs import LabelFrame
from napari_unet.services.options import SegmentOptions, channel_indices
from napari_unet.services.plan import affines_of
from napari_unet.services.segment import segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.affines import Affines
    from napari_unet.core.annotations import Annotation, Kind, Truth
    from napari_unet.core.axes import Box, Frame
    from napari_unet.core.model import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.label_pairs import LabelPair


def evaluate(
    annotations: Sequence[Annotation], model: Model, options: SegmentOptions | None = None
) -> Job[Evaluation]:
    """Compare what a model says with what is labelled.

    Scribbles say nothing about other pixels. Objects and classes are the whole truth, within the regions
    where there are some: what is found in a plane without any label counts as wrong.

    Where all annotations are of kind ``objects``, objects are compared too: in planes for a 2-D model,
    in volumes for a 3-D one. Those of a model that doesn't tell objects apart are the connected
    components of its foreground.

    Parameters
    ----------
    annotations
        Images with their labels.
    model
        The model.
    options
        Channels, normalisation, threshold, device, precision and memory; None: the defaults.

    Yields
    ------
    Progress
        In units of planes or volumes.
    ObjectsCompared
        After each plane or volume with objects.

    Raises
    ------
    UserError
        When images, labels and model don't go together.
    """
    options = options or SegmentOptions()
    whole = [_everywhere(annotation) for annotation in annotations]
    found = yield from survey(whole, model.spec.label_names)
    if all(annotation.kind == "objects" for annotation in annotations):
        return (yield from _evaluate_objects(found.truths, model, options))
    return (yield from _evaluate_classes(found.truths, model, options))


def compare_labels(
    pairs: Sequence[LabelPair], kind: Kind, names: Mapping[int, str] | None = None
) -> Job[Evaluation]:
    """Compare predicted labels with true ones.

    Parameters
    ----------
    pairs
        The labels. True pixels with a negative value are unknown and do not count.
    kind
        What the true labels mean, as in :class:`~napari_unet.core.annotations.Annotation`; those of
        a prediction mean the same, but for ``scribbles``: there they are 0 in the background, and a
        class from 1, as :func:`~napari_unet.services.segment.segment` gives them. Where each has one
        value besides the background, and one of them is 255, these mean the same class.
    names
        Of predicted classes, by their values, where they have some.

    Yields
    ------
    LabelsCompared
        After each plane or volume, in units of images; of objects, :class:`ObjectsCompared` where
        something is known.

    Raises
    ------
    UserError
        When labels are out of range.
    """
    if kind == "objects":
        return (yield from _compare_objects(pairs))
    return (yield from _compare_classes(pairs, kind, names or {}))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Segmented(Progress):
    """Labels that a model gave a plane or volume, or the part of it that is labelled."""

    labels: LabelFrame
    whole: bool
    """Whether the true labels are the whole truth there."""


def _everywhere(annotation: Annotation) -> Annotation:
    """Let labels that are the whole truth apply to planes without any, too."""
    if annotation.regions or annotation.kind == "scribbles":
        return annotation
    height, width = annotation.plane_shape
    return replace(annotation, regions=(Region.box((0, height), (0, width)),))


def _evaluate_classes(
    truths: Sequence[Truth], model: Model, options: SegmentOptions
) -> Job[Evaluation]:
    confusion, empty = Confusion.zero(max(model.spec.label_names) + 1), 0
    classes = options.model_copy(update={"objects": False})
    for step in _segmented(truths, model, classes):
        if isinstance(step, _Segmented):
            true, found = step.labels.truth, step.labels.prediction
            confusion += Confusion.of(found, true, len(confusion.counts))
            empty += step.labels.empty if step.whole else 0
        yield step
    return Evaluation.of(confusion, model.spec.label_names, empty=empty)


def _evaluate_objects(
    truths: Sequence[Truth], model: Model, options: SegmentOptions
) -> Job[Evaluation]:
    tally = _Tally()
    numbered = options.model_copy(update={"objects": True})
    for step in _segmented(truths, model, numbered):
        if isinstance(step, _Segmented):
            yield tally.add(step.labels, step.done, step.total)
        else:
            yield step
    return tally.evaluation


def _segmented(truths: Sequence[Truth], model: Model, options: SegmentOptions) -> Job[None]:
    """Segment every frame that has labels."""
    work: list[tuple[Truth, Frame, Affines]] = []
    for truth in truths:
        image = truth.annotation.image
        channels = channel_indices(image, model.spec, options.channels)
        every = frames(image, model.spec.axes, channels)
        affines = affines_of(every, model, options)
        work += [(truth, frame, affines) for frame in every]
    for i, (truth, frame, affines) in enumerate(work):
        box = tuple(slice(0, n) for n in frame.shape)
        true = truth.labels(frame, box)
        if not (true >= 0).any():
            continue
        if not options.objects:
            box = _around(true >= 0)
            true = true[box]
            # objects are one class here
            true = np.minimum(true, 1) if truth.objects else true
        where = dict(zip(frame.spatial, box, strict=True))
        where |= {axis: slice(place, place + 1) for axis, place in frame.index.items()}
        region = tuple(where[axis] for axis in frame.image.label_axes)
        job = segment(frame.image, model, options, region=region, affines=affines)
        labels = (yield from as_part(job, i, len(work))).labels
        key, order = frame.place(box)
        found = labels[key].transpose(np.argsort(order))
        title = f"{frame.image.name} {frame.title}".rstrip()
        compared = LabelFrame(title, found, true, frame)
        whole = truth.annotation.kind != "scribbles"
        yield _Segmented(done=i + 1, total=len(work), note=title, labels=compared, whole=whole)


def _around(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest window around what is True."""
    box = []
    for axis in range(mask.ndim):
        there = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(int(there[0]), int(there[-1]) + 1))
    return tuple(box)


class _Tally:
    """Scores of objects so far."""

    def __init__(self) -> None:
        self._confusion = Confusion.zero(2)
        self._scores = ObjectScores.zero()
        self._names: list[str] = []
        self._empty = 0

    def add(self, labels: LabelFrame, done: float, total: float) -> ObjectsCompared:
        overlaps = Overlaps.of(labels.prediction, labels.truth)
        self._confusion += Confusion.of(labels.prediction > 0, np.minimum(labels.truth, 1), 2)
        self._scores += ObjectScores.of(overlaps)
        self._names.append(labels.title)
        self._empty += labels.empty
        return ObjectsCompared(done, total, labels.title, labels=labels, overlaps=overlaps)

    @property
    def evaluation(self) -> Evaluation:
        objects = ObjectEvaluation(tuple(self._names), self._scores)
        return Evaluation.of(self._confusion, {1: "foreground"}, objects, empty=self._empty)


def _compare_objects(pairs: Sequence[LabelPair]) -> Job[Evaluation]:
    tally = _Tally()
    for i, pair in enumerate(pairs):
        for labels in pair.frames():
            _check_range(labels)
            if (labels.truth >= 0).any():
                yield tally.add(labels, i, len(pairs))
            else:
                yield LabelsCompared(i, len(pairs), labels.title, labels=labels)
    return tally.evaluation


def _compare_classes(
    pairs: Sequence[LabelPair], kind: Kind, names: Mapping[int, str]
) -> Job[Evaluation]:
    confusion, empty = Confusion.zero(HIGHEST + 1), 0
    for i, pair in enumerate(pairs):
        for labels in pair.frames():
            _check_range(labels, HIGHEST)
            truth = labels.truth.astype(np.int64)
            if kind == "scribbles":
                truth -= 1
            else:
                empty += labels.empty
            confusion += Confusion.of(labels.prediction, truth, HIGHEST + 1)
            compared = replace(labels, truth=truth)
            yield LabelsCompared(i, len(pairs), labels.title, labels=compared)
    return replace(_named(confusion.counts, names), empty=empty)


def _named(counts: NDArray[np.int64], known: Mapping[int, str]) -> Evaluation:
    """Leave out the classes that are neither true nor predicted."""
    true, predicted = (np.flatnonzero(counts.sum(axis=axis)[1:]) + 1 for axis in (1, 0))
    single = len(true) <= 1 and len(predicted) <= 1
    if single and (len(np.union1d(true, predicted)) <= 1 or HIGHEST in (*true, *predicted)):
        # 1 here and 255 there are both the foreground; 1 and 2 are different classes
        both = np.add.reduceat(np.add.reduceat(counts, [0, 1], axis=0), [0, 1], axis=1)
        return Evaluation.of(Confusion(both), {1: _only(known) or "foreground"})
    values = [0, *np.union1d(true, predicted).tolist()]
    if len(values) > SEVERAL:
        raise _no_classes(f"{len(values) - 1} different ones besides 0")
    names = {i: known.get(value, f"class {value}") for i, value in enumerate(values) if value}
    return Evaluation.of(Confusion(counts[np.ix_(values, values)]), names)


def _only(known: Mapping[int, str]) -> str:
    """Return the name of the only class, if there is one."""
    names = [name for value, name in known.items() if value]
    return names[0] if len(names) == 1 else ""


def _check_range(labels: LabelFrame, most: int | None = None) -> None:
    lowest = int(labels.prediction.min())
    if lowest < 0:
        raise UserError(
            f"The predicted labels of {labels.title!r} are negative",
            value=lowest,
            rule="Predicted labels are 0 or more; only true ones may be negative, where nothing is "
            "known.",
            remedy="Give these pixels label 0, or that of their class.",
        )
    highest = max(int(labels.prediction.max()), int(labels.truth.max()))
    if most is not None and highest > most:
        raise _no_classes(f"{labels.title!r} has label {highest}")


def _no_classes(value: str) -> UserError:
    return UserError(
        "The labels are no classes",
        value=value,
        rule=f"There are at most {SEVERAL} classes, with numbers up to {HIGHEST}.",
        remedy="Choose the kind 'objects' (--objects) if each label is one object.",
    )
