"""How a model does on the paint that is held out."""

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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import HeldWindow


@dataclass(frozen=True, eq=False)
class ValidationScores:
    """How a model does.

    Attributes
    ----------
    confusion
        Of the classes.
    objects
        Of the objects, where these are what counts.
    """

    confusion: Confusion
    objects: ObjectScores | None = None

    @property
    def score(self) -> float:
        """What tells which of two models is better, 0 to 1; NaN where nothing is true.

        Mean IoU of the classes but the background; where objects count, of the true objects with the
        prediction that covers more than half of each.
        """
        if self.objects is None:
            return self.confusion.foreground_iou
        return float(self.objects.pooled.seg[0])

    def scores(self, names: Mapping[int, str]) -> tuple[ClassScore, ...]:
        """Return a score for each class, the background first; where objects count, theirs last.

        Of objects, the number of true ones stands for pixels, and F1 at an IoU of 0.5 for Dice.
        """
        found = self.confusion.scores(names)
        if self.objects is None:
            return found
        pooled = self.objects.pooled
        one = ClassScore("objects", int(pooled.n_true[0]), self.score, float(pooled.f1[0, 0]))
        return (*found, one)


def validate(
    model: Model,
    windows: Sequence[HeldWindow],
    compute: Compute,
    memory: int | None = None,
    *,
    objects: bool = False,
    pixel_size: Sequence[float] = (),
) -> Job[ValidationScores]:
    """Compare a model's labels with held-out paint.

    Parameters
    ----------
    model
        The model.
    windows
        Where the paint lies; what the model says there does not depend on the window.
    compute, memory
        Device and precision, and bytes that may be used.
    objects
        Whether objects count, where the paint tells them apart.
    pixel_size
        At which the model sees images that state another one, in micrometers along its axes; empty: at
        their own.

    Yields
    ------
    Progress
        Often enough to cancel at once; in units of windows.
    """
    n = max(model.spec.label_names) + 1
    found = Confusion.zero(n)
    scores = ObjectScores.zero()
    predictor = Predictor(model, compute, memory=memory)
    how = ObjectOptions(foreground=model.spec.threshold, seed=model.spec.separation)
    measured: dict[NormalizationStatistics, NormalizationStatistics] = {}
    for i, window in enumerate(windows):
        rescaled = RescaledFrames.of([window.frame], pixel_size)
        affines = window.affines
        if not rescaled.unchanged:
            if affines not in measured:
                measured[affines] = _measured_there(window, model, pixel_size)
            affines = measured[affines]
        told_apart = objects and window.truth.objects
        numbering = Numbering([window.frame], window.box, model.spec, how) if told_apart else None
        for step in rescaled.run(predictor, window.box, affines):
            if isinstance(step, Outputs):
                labels = to_labels(step.values, model.spec, model.spec.threshold)
                truth = window.truth.validation(window.frame, step.write)
                if window.truth.objects:
                    truth = np.minimum(truth, 1)
                found += Confusion.of(labels, truth, n)
                for _, box, numbered in numbering.add(step) if numbering else ():
                    truth = window.truth.validation(window.frame, box)
                    scores += ObjectScores.of(Overlaps.of(numbered, truth))
            yield Progress(i + min(step.fraction, 1.0), len(windows), "Judging by held-out paint")
    return ValidationScores(found, scores if scores.n_true.sum() else None)


def _measured_there(
    window: HeldWindow, model: Model, pixel_size: Sequence[float]
) -> NormalizationStatistics:
    """Return the normalisation of a window's image at another pixel size."""
    frame = window.frame
    every = frames(frame.image, frame.spatial, frame.channels)
    return NormalizationStatistics(
        model.spec.normalization, RescaledFrames.of(every, pixel_size).frames
    )
