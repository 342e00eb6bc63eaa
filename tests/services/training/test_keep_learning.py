"""Learning for as long as somebody paints, as a caller sees it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from painted import blank, options, scribbled

from napari_unet.core.annotations.annotation import Paint
from napari_unet.core.progress import finish
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training import keep_learning as subject
from napari_unet.services.training.finetune import ResultSoFar
from napari_unet.services.training.keep_learning import Screen, Shown, keep_learning

REGION = (slice(8, 40), slice(0, 30))


@pytest.fixture
def rounds(monkeypatch):
    """Make rounds short."""
    monkeypatch.setattr(subject, "ROUND_STEPS", 8)
    monkeypatch.setattr(subject, "PAUSE_S", 0.0)


def until(job, wanted, most=5000):
    """Take steps up to one of a kind, and return that and all before it."""
    seen = []
    for step in islice(job, most):
        seen.append(step)
        if wanted(step):
            return seen
    pytest.fail("it never came")


def resting(step):
    return "Waiting" in step.note


def test_it_shows_what_is_looked_at_and_learns_what_is_painted(rounds):
    paint = Paint((scribbled(),))
    screen = Screen(paint.annotations[0].image, REGION)
    job = keep_learning(paint, blank(), options(), screen)
    seen = until(job, resting)
    shown = [step for step in seen if isinstance(step, Shown)]
    results = [step.result for step in seen if isinstance(step, ResultSoFar)]
    assert shown[-1].labels.shape == (32, 30)
    whole = finish(segment(screen.image, shown[-1].model)).labels
    assert np.array_equal(shown[-1].labels, whole[REGION])
    assert results[-1].trained.status.step >= 8
    assert all(step.total == 0 for step in seen)

    screen.region = (slice(0, 10), slice(0, 20))
    again = until(job, lambda step: isinstance(step, Shown))
    assert not any(isinstance(step, ResultSoFar) for step in again), "it rests meanwhile"
    assert again[-1].labels.shape == (10, 20)

    more = np.array(paint.annotations[0].paint)
    more[2:6, 2:30] = 1
    paint.annotations = (replace(paint.annotations[0], paint=more),)
    found = until(job, lambda step: isinstance(step, ResultSoFar))[-1].result
    assert found.trained.status.step > results[-1].trained.status.step
    found = until(job, resting)
    last = [step.result for step in found if isinstance(step, ResultSoFar)][-1]
    assert last.trained.training_set.annotations is paint.annotations
    job.close()


def test_nothing_is_shown_where_nothing_is_looked_at(rounds):
    paint = Paint((scribbled(),))
    job = keep_learning(paint, blank(), options(), Screen(paint.annotations[0].image))
    assert not any(isinstance(step, Shown) for step in until(job, resting))


def test_it_ends_with_a_loss_that_is_no_number(rounds, monkeypatch):
    paint = Paint((scribbled(),))
    job = keep_learning(paint, blank(), options(), Screen(paint.annotations[0].image))
    until(job, lambda step: isinstance(step, ResultSoFar))
    monkeypatch.setattr("napari_unet.core.training.trainer.Trainer._learn", lambda *_: float("nan"))
    result = finish(job)
    assert result.trained.status.step >= 1
