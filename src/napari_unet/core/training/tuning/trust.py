"""How far the parent is trusted: by how it does on all that is annotated."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from napari_unet.core.memory_units import bytes_of_gib
from napari_unet.core.sampling.dataset import count_pixels, validation_windows
from napari_unet.core.training.tuning.candidates import iou_of
from napari_unet.core.training.tuning.recipe import TRUST_PIXELS, trust_of
from napari_unet.core.training.validation import validate

if TYPE_CHECKING:
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.setup import TrainingSetup
    from napari_unet.core.training.validation import ValidationScores


def measure_trust(setup: TrainingSetup, training_set: TrainingSet) -> Job[float]:
    """Return how far the network that the training starts from is trusted, 0 to 1.

    It is compared with all annotations, those held out among them, at the pixel size it learns at. 0
    for one that does not predict what its parent did.
    """
    if not setup.same_outputs:
        return 0.0
    windows = [
        window
        for truth, statistics in zip(training_set.held.truths, training_set.statistics, strict=True)
        for window in validation_windows(
            replace(truth, held=truth.applies),
            setup.model.spec.axes,
            setup.paint.channels,
            statistics,
        )
    ]
    # evenly, so that no image is left out
    chosen = windows[:: max(1, ceil(count_pixels(windows) / TRUST_PIXELS))]
    objects = setup.model.spec.task == "objects"
    memory = bytes_of_gib(setup.options.memory)
    scores = yield from validate(setup.model, chosen, setup.compute, memory, objects=objects)
    return trust_of(_score(scores))


def _score(scores: ValidationScores) -> float:
    """Return the score of objects, else the lowest IoU of a class, the background among them.

    A network that takes everything for foreground finds half of what is annotated.
    """
    if scores.objects is not None:
        return iou_of(scores)
    present = scores.confusion.pixels > 0
    return float(scores.confusion.iou[present].min()) if present.any() else 0.0
