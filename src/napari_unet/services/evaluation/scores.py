"""The scores of an evaluation."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.core.evaluation.matching import ObjectScores, image_mean
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.evaluation.confusion import ClassScore, Confusion
    from napari_unet.core.evaluation.overlaps import Overlaps
    from napari_unet.services.evaluation.label_pairs import LabelFrame

COUNTS = ("n_true", "tp", "fp", "fn", "splits", "merges")
FIGURES = ("ap", "precision", "recall", "f1", "mean_matched_iou", "mean_true_iou", "seg")


@dataclass(frozen=True)
class ObjectEvaluation:
    """Scores of objects.

    Attributes
    ----------
    names
        Names of the planes or volumes that were compared.
    scores
        Their scores, a row for each.
    """

    names: tuple[str, ...]
    scores: ObjectScores

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as JSON values; scores with nothing to count are None.

        ``pooled`` gives each object the same weight, ``image_mean`` each image; ``images`` lists the
        images one by one.
        """
        pooled, names = self.scores.pooled, (*COUNTS, *FIGURES)
        rows = {name: getattr(self.scores, name).tolist() for name in names}
        result = {
            "thresholds": self.scores.thresholds.tolist(),
            "pooled": {name: getattr(pooled, name)[0].tolist() for name in names},
            "image_mean": {n: image_mean(getattr(self.scores, n)).tolist() for n in FIGURES},
            "images": [
                {"name": title, **{name: rows[name][i] for name in names}}
                for i, title in enumerate(self.names)
            ],
        }
        return dict(_without_nan(result))


@dataclass(frozen=True)
class Evaluation:
    """Scores over all labelled pixels.

    Attributes
    ----------
    classes
        A score for each class, background first; all objects are one class.
    iou, dice
        Mean over the classes that occur, background excluded; NaN if none does.
    objects
        Scores of objects, if they were compared.
    empty
        Number of planes without any true label, in which every prediction is wrong.
    """

    classes: tuple[ClassScore, ...]
    iou: float
    dice: float
    objects: ObjectEvaluation | None = None
    empty: int = 0

    @classmethod
    def of(
        cls,
        confusion: Confusion,
        names: Mapping[int, str],
        objects: ObjectEvaluation | None = None,
        *,
        empty: int = 0,
    ) -> Evaluation:
        """Sum up a confusion matrix; `names` are those of the classes, background excluded."""
        means = confusion.foreground_iou, confusion.foreground_dice
        return cls(confusion.scores(names), *means, objects, empty)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; scores with nothing to count are None."""
        result = {
            "classes": [dataclasses.asdict(score) for score in self.classes],
            "iou": self.iou,
            "dice": self.dice,
            "empty": self.empty,
        }
        if self.objects is not None:
            result["objects"] = self.objects.as_dict()
        return dict(_without_nan(result))


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelsCompared(Progress):
    """Labels of a plane or volume that have been compared.

    Attributes
    ----------
    labels
        Prediction and truth, as classes or objects.
    """

    labels: LabelFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectsCompared(LabelsCompared):
    """Objects of a plane or volume that have been compared.

    Attributes
    ----------
    overlaps
        Overlaps of predicted and true objects.
    """

    overlaps: Overlaps


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
