"""Validation: compares a model's labels with the annotations that are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.evaluation.confusion import ClassScore, Confusion
from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.image.frames import frames
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.outputs import Outputs, to_labels
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.inference.rescale import RescaledFrames
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.objects.numbering import Numbering
from napari_unet.core.progress import Progress
from napari_unet.core.training.window_units import WindowUnits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.evaluation.unit_scores import UnitScores
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import ValidationWindow


@dataclass(frozen=True, eq=False)
class ValidationScores:
    """Scores of a model on the held-out annotations.

    Attributes
    ----------
    confusion
        Pixels of each class.
    objects
        Scores of the objects, if the model is scored by these.
    units
        Scores of the single objects, strokes or areas, by which two models are compared.
    """

    confusion: Confusion
    objects: ObjectScores | None = None
    units: UnitScores | None = None

    @property
    def score(self) -> float:
        """The score by which models are compared, 0 to 1; NaN if nothing is foreground.

        The mean IoU of the classes without the background. If objects count, the mean over the true
        objects of the IoU with the prediction that covers more than half of it (SEG).
        """
        if self.objects is None:
            return self.confusion.foreground_iou
        return float(self.objects.pooled.seg[0])

    def scores(self, names: Mapping[int, str]) -> tuple[ClassScore, ...]:
        """Return a score for each class, the background first; if objects count, theirs last.

        For objects, `pixels` is the number of true ones, and `dice` is F1 at an IoU of 0.5.
        """
        classes = self.confusion.scores(names)
        if self.objects is None:
            return classes
        pooled = self.objects.pooled
        n_true, f1 = int(pooled.n_true[0]), float(pooled.f1[0, 0])
        return (*classes, ClassScore("objects", n_true, self.score, f1))


def validate(
    model: Model,
    windows: Sequence[ValidationWindow],
    compute: Compute,
    memory: int | None = None,
    *,
    objects: bool = False,
    pixel_size: Sequence[float] = (),
) -> Job[ValidationScores]:
    """Compare a model's labels with the held-out annotations.

    Parameters
    ----------
    model
        The model.
    windows
        Where the held-out annotations lie. The prediction there does not depend on the window.
    compute, memory
        Device and precision, and bytes that may be used; None: what is free.
    objects
        Whether objects count, where the annotations tell them apart.
    pixel_size
        Pixel size to which images are rescaled that state another one, in micrometers along the
        model's axes; empty: they are not rescaled.

    Yields
    ------
    Progress
        Often enough to cancel at once; in units of windows.
    """
    confusion = Confusion.zero(max(model.spec.label_names) + 1)
    object_scores = ObjectScores.zero()
    units = WindowUnits(max(model.spec.label_names) + 1)
    predictor = Predictor(model, compute, memory=memory)
    options = ObjectOptions(foreground=model.spec.threshold, seed=model.spec.separation)
    # of the rescaled images, by those of the images as they are
    known: dict[NormalizationStatistics, NormalizationStatistics] = {}
    for i, window in enumerate(windows):
        rescaled = RescaledFrames.of([window.frame], pixel_size)
        statistics = window.statistics
        if not rescaled.unchanged:
            if statistics not in known:
                known[statistics] = _rescaled_statistics(window, model, pixel_size)
            statistics = known[statistics]
        count_objects = objects and window.truth.objects
        numbering = Numbering([window.frame], window.box, model.spec, options)
        for step in rescaled.run(predictor, window.box, statistics):
            if isinstance(step, Outputs):
                confusion += _confusion(step, window, model)
                if count_objects:
                    object_scores += _object_scores(numbering, step, window, units)
                else:
                    labels = to_labels(step.values, model.spec, model.spec.threshold)
                    units.add_classes(window, step.write, labels)
            yield Progress(i + min(step.fraction, 1.0), len(windows), "Validating")
    found = object_scores if object_scores.n_true.sum() else None
    return ValidationScores(confusion, found, units.scores())


def _confusion(outputs: Outputs, window: ValidationWindow, model: Model) -> Confusion:
    """Compare the classes of some pixels."""
    labels = to_labels(outputs.values, model.spec, model.spec.threshold)
    truth = window.truth.validation(window.frame, outputs.write)
    if window.truth.objects:
        truth = np.minimum(truth, 1)
    return Confusion.of(labels, truth, max(model.spec.label_names) + 1)


def _object_scores(
    numbering: Numbering, outputs: Outputs, window: ValidationWindow, units: WindowUnits
) -> ObjectScores:
    """Compare the objects of the frames that these outputs complete."""
    scores = ObjectScores.zero()
    for _, box, labels in numbering.add(outputs):
        scores += ObjectScores.of(Overlaps.of(labels, window.truth.validation(window.frame, box)))
        units.add_objects(window, box, labels)
    return scores


def _rescaled_statistics(
    window: ValidationWindow, model: Model, pixel_size: Sequence[float]
) -> NormalizationStatistics:
    """Return the normalisation of a window's image at another pixel size."""
    frame = window.frame
    every = frames(frame.image, frame.spatial, frame.channels)
    return NormalizationStatistics(
        model.spec.normalization, RescaledFrames.of(every, pixel_size).frames
    )
