"""A training without a network that learns: what the window does with it is all that is tested.

Paint, plans, checks, states and results are real; only the step of the optimizer and the scores of the
validation are made up. Tests marked `real_training` are left alone.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.evaluation.unit_scores import UnitScores
from napari_unet.core.progress import Progress
from napari_unet.core.training.validation import ValidationScores

PIXELS = 1000


class Script:
    """How the training goes.

    Attributes
    ----------
    iou
        Of the next network that is validated.
    gain
        By how much it rises with each.
    pause
        Seconds a step takes.
    """

    def __init__(self):
        self.iou = 0.5
        self.gain = 0.05
        self.pause = 0.01

    def learn(self, learner, step):
        """Take a step: all outputs rise a little, so that the labels change."""
        time.sleep(self.pause)
        with torch.no_grad():
            *_, bias = learner.network.parameters()
            bias += 0.02
        learner.average.update(learner.network, step)
        return 1 / step

    def validate(self, model):
        """Score a network."""
        yield Progress(0, 1, "Validating")
        n = max(model.spec.label_names) + 1
        right = round(PIXELS * self.iou)
        counts = np.zeros((n, n), np.int64)
        counts[0, 0] = PIXELS
        for label in range(1, n):
            counts[label, label], counts[label, 0] = right, PIXELS - right
        scores = ValidationScores(Confusion(counts), units=self.units())
        self.iou = min(self.iou + self.gain, 0.99)
        return scores

    def units(self):
        """The same score for each of many strokes, so that a small gain is not chance."""
        n = 200
        sizes, changed = np.full(n, 9), np.ones(n, bool)
        return UnitScores(np.full(n, self.iou), sizes, changed, n, 0, "stroke")


@pytest.fixture(autouse=True)
def script(request, monkeypatch):
    """What goes on in trainings instead of learning; None where they are real."""
    if request.node.get_closest_marker("real_training"):
        return None
    script = Script()
    monkeypatch.setattr(
        "napari_unet.core.training.learner.Learner.learn",
        lambda learner, *arguments: script.learn(learner, arguments[-1]),
    )
    monkeypatch.setattr(
        "napari_unet.core.training.best_model.validate",
        lambda model, *_, **__: script.validate(model),
    )
    return script
