"""What an evaluation says."""

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
        Of the planes or volumes that were compared.
    scores
        Their scores, a row for each.
    """

    names: tuple[str, ...]
    scores: ObjectScores

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as JSON values; figures with nothing to count are None.

        ``pooled`` weighs objects alike, ``image_mean`` images; ``images`` has each by its own.
        """
        pooled, names = self.scores.pooled, (*COUNTS, *FIGURES)
        rows = {name: getattr(self.scores, name).tolist() for name in names}
        found = {
            "thresholds": self.scores.thresholds.tolist(),
            "pooled": {name: getattr(pooled, name)[0].tolist() for name in names},
            "image_mean": {n: image_mean(getattr(self.scores, n)).tolist() for n in FIGURES},
            "images": [
                {"name": title, **{name: rows[name][i] for name in names}}
                for i, title in enumerate(self.names)
            ],
        }
        return dict(_without_nan(found))


@dataclass(frozen=True)
class Evaluation:
    """Scores over all labelled pixels.

    Attributes
    ----------
    classes
        A score for each class, background first; objects are one class.
    iou, dice
        Mean over the classes but the background that occur; NaN if none does.
    objects
        Scores of the objects, if these were compared.
    empty
        Planes in which nothing is there in truth, so that all that was found there is wrong.
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
        """Sum up; `names` are those of the classes but the background."""
        figures = confusion.foreground_iou, confusion.foreground_dice
        return cls(confusion.scores(names), *figures, objects, empty)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values; figures with nothing to count are None."""
        found = {
            "classes": [dataclasses.asdict(score) for score in self.classes],
            "iou": self.iou,
            "dice": self.dice,
            "empty": self.empty,
        }
        if self.objects is not None:
            found["objects"] = self.objects.as_dict()
        return dict(_without_nan(found))


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
        Of prediction and truth.
    """

    overlaps: Overlaps


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
