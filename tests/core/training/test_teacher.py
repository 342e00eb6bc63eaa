"""The parent's opinion counts where nothing is annotated, and how far it is trusted."""

import numpy as np
import pytest
import torch

from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model
from napari_unet.core.sampling.batches import Batch
from napari_unet.core.sampling.object_targets import object_targets
from napari_unet.core.sampling.targets import Targets
from napari_unet.core.training.tuning.interpolation import between
from napari_unet.core.training.tuning.recipe import (
    CAREFUL_RATE,
    DOUBT_RADIUS,
    TRUST,
    careful_rate,
    trust_of,
    unjudged_share,
)
from napari_unet.core.training.tuning.teacher import Teacher, doubt

SIDE = 96
TASKS = {"sigmoid": {}, "softmax": {"classes": ("one", "two")}, "objects": {"task": "objects"}}


def teacher(task: str) -> Teacher:
    found = Teacher(NewModel(base=4, depth=1, **TASKS[task]).build())
    found.trust = 1.0
    return found


def batch(labels: torch.Tensor, task: str, held: torch.Tensor | None = None) -> Batch:
    targets = object_targets(labels, objects=True) if task == "objects" else Targets(labels.long())
    nothing = torch.zeros_like(labels, dtype=torch.bool)
    images = torch.zeros(1, 1, SIDE, SIDE)
    return Batch(images, labels, targets, nothing if held is None else held)


def opinion(task: str, foreground: float) -> torch.Tensor:
    """A teacher's certain opinion about all pixels."""
    channels = {"sigmoid": 1, "softmax": 3, "objects": 3}[task]
    found = torch.full((1, channels, SIDE, SIDE), (1 - foreground) / 2)
    found[:, 1 if task == "softmax" else 0] = foreground
    return found


def gradient(task: str, found: Batch, thinks: torch.Tensor) -> torch.Tensor:
    logits = torch.zeros_like(thinks, requires_grad=True)
    teacher(task).loss(logits, thinks, found).backward()
    return logits.grad.abs().sum(dim=1)[0]


@pytest.mark.parametrize("task", TASKS)
def test_a_network_that_thinks_as_its_parent_is_left_alone(task):
    one = teacher(task)
    images = torch.rand(1, 1, SIDE, SIDE)
    logits = one.network(images).detach().requires_grad_()
    nothing = torch.full((1, SIDE, SIDE), -1, dtype=torch.int32)
    loss = one.loss(logits, one.opinion(images), batch(nothing, task))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-5)
    assert logits.grad.abs().max() < 1e-8


@pytest.mark.parametrize("task", TASKS)
def test_an_opinion_counts_where_nothing_is_annotated(task):
    labels = torch.full((1, SIDE, SIDE), -1, dtype=torch.int32)
    labels[:, :20] = 1
    held = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    held[:, 20:30] = True
    # it agrees with what is labelled
    grown = gradient(task, batch(labels, task, held), opinion(task, 0.8))
    if task != "objects":
        assert not grown[:20].any()
    assert not grown[20:30].any()
    assert (grown[30:] > 0).all()


@pytest.mark.parametrize("task", TASKS)
def test_around_what_contradicts_it_an_opinion_counts_little(task):
    labels = torch.full((1, SIDE, SIDE), -1, dtype=torch.int32)
    labels[:, SIDE // 2, SIDE // 2] = 0
    grown = gradient(task, batch(labels, task), opinion(task, 0.8))
    row = grown[SIDE // 2, SIDE // 2 + 1 :].numpy()
    assert row[0] < 0.1 * row[-1]
    assert (np.diff(row) >= 0).all()
    assert np.ptp(row[2 * DOUBT_RADIUS :]) == 0


def test_doubt_reaches_as_far_along_each_axis_as_it_is_told():
    wrong = torch.zeros(1, 9, 41, 41, dtype=torch.bool)
    wrong[0, 4, 20, 20] = True
    found = doubt(wrong, [1, 8, 8])[0]
    assert found[4, 20, 20] == 1
    assert found[4, 20, 12] == pytest.approx(0.5, abs=0.1)
    assert not found[4, 20, :4].any()
    assert not found[7:].any()
    assert found[6, 20, 20] > 0
    # further than the patch is deep
    assert (doubt(wrong, [16, 1, 1])[0, :, 20, 20] > 0.5).all()


def test_the_better_a_parent_the_more_carefully_it_is_tuned():
    scores = np.linspace(0, 1, 21)
    trusted = [trust_of(score) for score in scores]
    assert trusted == sorted(trusted)
    assert trust_of(TRUST[0]) == 0
    assert trust_of(TRUST[1]) == 1
    assert careful_rate(0) == unjudged_share(0) == 1
    assert careful_rate(1) == pytest.approx(CAREFUL_RATE)
    assert 0 < unjudged_share(1) < 1


def test_networks_between_two_lie_between_them():
    one, other = (NewModel(base=4, depth=1, seed=seed).build() for seed in (0, 1))
    half: Model = between(one, other, 0.5)
    for name, weights in half.network.state_dict().items():
        ends = one.network.state_dict()[name], other.network.state_dict()[name]
        torch.testing.assert_close(weights.float(), (ends[0] + ends[1]).float() / 2)
    assert between(one, other, 1) is other
    assert not half.network.training
