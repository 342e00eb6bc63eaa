"""Scores of pairs of labels, added up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.inspection import MAX_CLASS_LABEL, MAX_CLASSES
from napari_unet.core.errors import UserError
from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.services.evaluation.scores import (
    Evaluation,
    LabelsCompared,
    ObjectEvaluation,
    ObjectsCompared,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.progress import Job
    from napari_unet.services.evaluation.label_pairs import LabelFrame, LabelPair


class Tally:
    """Scores of the objects compared so far."""

    def __init__(self) -> None:
        self._confusion = Confusion.zero(2)
        self._scores = ObjectScores.zero()
        self._names: list[str] = []
        self._empty = 0

    def add(self, labels: LabelFrame, done: float, total: float) -> ObjectsCompared:
        """Add the objects of a frame."""
        overlaps = Overlaps.of(labels.prediction, labels.truth)
        self._confusion += Confusion.of(labels.prediction > 0, np.minimum(labels.truth, 1), 2)
        self._scores += ObjectScores.of(overlaps)
        self._names.append(labels.title)
        self._empty += labels.empty
        return ObjectsCompared(done, total, labels.title, labels=labels, overlaps=overlaps)

    @property
    def evaluation(self) -> Evaluation:
        """The scores of all frames so far."""
        objects = ObjectEvaluation(tuple(self._names), self._scores)
        return Evaluation.of(self._confusion, {1: "foreground"}, objects, empty=self._empty)


def compare_objects(pairs: Sequence[LabelPair]) -> Job[Evaluation]:
    """Score predicted objects against true ones, frame by frame."""
    tally = Tally()
    for i, pair in enumerate(pairs):
        for labels in pair.frames():
            _check_range(labels)
            if (labels.truth >= 0).any():
                yield tally.add(labels, i, len(pairs))
            else:
                yield LabelsCompared(i, len(pairs), labels.title, labels=labels)
    return tally.evaluation


def compare_classes(
    pairs: Sequence[LabelPair], kind: Kind, names: Mapping[int, str]
) -> Job[Evaluation]:
    """Score predicted classes against true ones, frame by frame."""
    confusion, empty = Confusion.zero(MAX_CLASS_LABEL + 1), 0
    for i, pair in enumerate(pairs):
        for labels in pair.frames():
            _check_range(labels, MAX_CLASS_LABEL)
            truth = labels.truth.astype(np.int64)
            if kind == "scribbles":
                truth -= 1
            else:
                empty += labels.empty
            confusion += Confusion.of(labels.prediction, truth, MAX_CLASS_LABEL + 1)
            compared = replace(labels, truth=truth)
            yield LabelsCompared(i, len(pairs), labels.title, labels=compared)
    return replace(_named(confusion.counts, names), empty=empty)


def _named(counts: NDArray[np.int64], known: Mapping[int, str]) -> Evaluation:
    """Sum up over the classes that occur in truth or prediction."""
    true, predicted = (np.flatnonzero(counts.sum(axis=axis)[1:]) + 1 for axis in (1, 0))
    single = len(true) <= 1 and len(predicted) <= 1
    if single and (len(np.union1d(true, predicted)) <= 1 or MAX_CLASS_LABEL in (*true, *predicted)):
        # 1 in one and 255 in the other both mean foreground; 1 and 2 are different classes
        both = np.add.reduceat(np.add.reduceat(counts, [0, 1], axis=0), [0, 1], axis=1)
        return Evaluation.of(Confusion(both), {1: _only(known) or "foreground"})
    values = [0, *np.union1d(true, predicted).tolist()]
    if len(values) > MAX_CLASSES:
        raise _not_classes(f"{len(values) - 1} different values besides 0")
    names = {i: known.get(value, f"class {value}") for i, value in enumerate(values) if value}
    return Evaluation.of(Confusion(counts[np.ix_(values, values)]), names)


def _only(known: Mapping[int, str]) -> str:
    """Return the name of the only class, if there is one."""
    names = [name for value, name in known.items() if value]
    return names[0] if len(names) == 1 else ""


def _check_range(labels: LabelFrame, highest_allowed: int | None = None) -> None:
    lowest = int(labels.prediction.min())
    if lowest < 0:
        raise UserError(
            f"The predicted labels of {labels.title!r} are negative",
            value=lowest,
            rule="Predicted labels are 0 or more. Only true labels may be negative, where unknown.",
            remedy="Give these pixels label 0, or that of their class.",
        )
    highest = max(int(labels.prediction.max()), int(labels.truth.max()))
    if highest_allowed is not None and highest > highest_allowed:
        raise _not_classes(f"{labels.title!r} has label {highest}")


def _not_classes(value: str) -> UserError:
    return UserError(
        "The labels are not classes",
        value=value,
        rule=f"There are at most {MAX_CLASSES} classes, with numbers up to {MAX_CLASS_LABEL}.",
        remedy="Choose the kind 'objects' if each label is an object.",
    )
