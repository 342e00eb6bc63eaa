"""Tuning changes what annotations contradict, and leaves alone what the parent knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painted import blank, checkers, numbered, options, scribbled

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.core.training import best_model
from napari_unet.core.training.state import read_status
from napari_unet.core.training.tuning.interpolation import with_weights
from napari_unet.core.training.tuning.recipe import FORGOTTEN, SHARES
from napari_unet.core.training.tuning.step_batches import BatchOf
from napari_unet.core.training.validation import ValidationScores
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training import finetune as finetune_service
from napari_unet.services.training import result as result_service
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.rehearsal import (
    RECORD,
    REHEARSALS,
    rehearsal_annotations,
    rehearsal_name,
)


@pytest.fixture(scope="module")
def parent() -> Model:
    """A network that knows the chessboard."""
    chosen = options(steps=40, learning_rate=5e-3, held_out=0.0)
    return finish(finetune([scribbled()], blank(), chosen)).model


@pytest.fixture
def ignorant(parent) -> Model:
    """A network that finds nothing anywhere."""
    state = parent.network.state_dict()
    return with_weights(parent, {**state, "head.bias": state["head.bias"] - 5})


def agreement(model: Model, seed: int) -> float:
    """IoU with the bright squares of another board."""
    pixels, squares = checkers(seed=seed)
    how = SegmentOptions(device="cpu", precision="float32")
    found = finish(segment(Image(pixels, "YX"), model, how)).labels > 0
    return float((found & squares).sum() / (found | squares).sum())


def test_a_parent_that_is_right_is_trusted_and_one_that_knows_nothing_is_not(parent, ignorant):
    chosen = options(steps=1)
    trusted = [
        finish(finetune([scribbled()], model, chosen)).trained.status.trust
        for model in (parent, ignorant)
    ]
    assert trusted[0] > 0.5
    assert trusted[1] == 0
    # its outputs mean something else
    objects = finish(finetune([numbered()], parent, options(steps=1, task="objects")))
    assert objects.trained.status.trust == 0
    assert finish(finetune([scribbled()], blank(), chosen)).trained.status.trust == 0


def test_strokes_that_agree_with_the_parent_hardly_change_it(parent):
    tuned = finish(finetune([scribbled()], parent, options(steps=20))).model
    assert agreement(tuned, 9) >= agreement(parent, 9) - 0.01


def test_what_the_parent_does_not_know_is_learnt_in_full(ignorant):
    result = finish(finetune([scribbled()], ignorant, options(steps=40, learning_rate=5e-3)))
    assert agreement(result.model, 9) > 0.6
    assert {point.share for point in result.trained.status.curve} == {1.0}


def test_an_interrupted_tuning_comes_to_the_same_weights(parent, tmp_path):
    chosen = options(steps=12, save_every=1e-3)
    expected = finish(finetune([scribbled()], parent, chosen))
    path = tmp_path / "x.training"
    for stop in (3, 8):
        job = finetune([scribbled()], parent, chosen, state=path)
        for step in job:
            if step.done >= stop and "loss" in step.metrics:
                break
        job.close()
    assert read_status(path).trust == expected.trained.status.trust > 0
    found = finish(finetune([scribbled()], parent, chosen, state=path))
    for name, value in expected.model.network.state_dict().items():
        assert torch.equal(value, found.model.network.state_dict()[name])
    assert found.trained.status.curve == expected.trained.status.curve


def test_what_is_held_out_is_taught_by_nobody(parent):
    """A parent that is wrong there must not teach it."""
    result = finish(finetune([scribbled()], parent, options(steps=1)))
    trainer = result.trainer
    (batch,) = finish(trainer._batches.draw(BatchOf(0, rehearses=False)))
    assert batch.held.any()
    assert (batch.labels[batch.held] == -1).all()
    logits = torch.zeros(batch.images.shape, requires_grad=True)
    opinion = torch.full(batch.images.shape, 0.9)
    trainer._learner.teacher.loss(logits, opinion, batch).backward()
    assert not logits.grad[:, 0][batch.held].any()


def judged(monkeypatch, start: Model, scores, known=None):
    """Let networks be scored by how far their first weight lies from that of the start."""
    first = next(iter(start.network.state_dict()))
    origin = start.network.state_dict()[first].flatten()[0].item()

    def validate(model, windows, *_, **__):
        yield from ()
        at = model.network.state_dict()[first].flatten()[0].item()
        iou = (known if windows == ["before"] else scores)(round(at - origin, 4))
        counts = np.array([[1000, 0], [round(1000 * (1 - iou)), round(1000 * iou)]])
        return ValidationScores(Confusion(counts))

    monkeypatch.setattr(best_model, "validate", validate)


def further(model: Model) -> Model:
    """A network whose weights all differ by one."""
    network = type(model.network)(model.spec.config)
    state = model.network.state_dict()
    network.load_state_dict({k: v + 1 if v.is_floating_point() else v for k, v in state.items()})
    return Model(model.spec, network.eval())


@pytest.mark.parametrize(
    ("scores", "trust", "share"),
    [
        # a gain within chance is no reason to go on
        (lambda at: 0.8 + 0.015 * at, 1.0, 0.0),
        (lambda at: 0.5 + 0.4 * at, 1.0, 1.0),
        (lambda at: 0.8 - abs(at - 0.3), 1.0, SHARES[1]),
        # better only far away, and by no more than chance
        (lambda at: 0.8 + (0.01 if at == 1 else -0.01 * at), 1.0, 0.0),
        # worse everywhere than the parent
        (lambda at: 0.8 - 0.3 * at, 1.0, 0.0),
        # whom nobody trusts
        (lambda at: 0.1 + 0.015 * at, 0.0, 1.0),
    ],
)
def test_no_network_is_further_from_the_parent_than_it_needs_to_be(
    monkeypatch, scores, trust, share
):
    start = blank().build()
    judged(monkeypatch, start, scores)
    best = best_model.BestModel(start, None, None, start=start)
    finish(best.revalidate([None]))
    outcome = finish(best.consider(further(start), [None], trust))
    assert outcome.share == share
    assert best.after.score == pytest.approx(scores(share), abs=1e-3)
    if trust:
        assert best.after.score >= best.before.score


def test_a_network_that_forgets_is_not_kept(monkeypatch):
    start = blank().build()
    # of what it knew before the first part of the way loses nothing, the next nearly all
    judged(monkeypatch, start, lambda at: 0.5 + 0.4 * at, lambda at: 0.9 - 0.8 * (at > SHARES[0]))
    best = best_model.BestModel(start, None, None, start=start, rehearsed=["before"])
    finish(best.revalidate([None]))
    outcome = finish(best.consider(further(start), [None], 1.0))
    assert outcome.share == SHARES[0]
    assert best.known_after.score == pytest.approx(0.9)


def test_where_nothing_is_held_out_only_a_part_of_the_way_is_gone(monkeypatch):
    start = blank().build()
    best = best_model.BestModel(start, None, None, start=start)
    shares = [finish(best.consider(further(start), [], trust)).share for trust in (0.0, 0.5, 1.0)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0


@pytest.fixture
def rehearsing(parent, monkeypatch):
    """The network that knows the chessboard, with another board to rehearse."""
    board = numbered(seed=5)
    monkeypatch.setattr(finetune_service, "rehearsal_name", lambda model: "boards")
    monkeypatch.setattr(result_service, "rehearsal_name", lambda model: "boards")
    monkeypatch.setattr(finetune_service, "rehearsal_annotations", lambda name: (board,))
    return parent


def inverted() -> Annotation:
    """A board on which the dark squares are looked for."""
    annotation = scribbled(seed=3)
    paint = np.where(annotation.paint > 0, 3 - annotation.paint, 0).astype(np.uint8)
    return Annotation(annotation.image, paint, "scribbles")


def test_what_a_network_knew_before_is_judged_along(rehearsing):
    result = finish(finetune([scribbled()], rehearsing, options(steps=12)))
    before, after = result.trained.known_before, result.trained.known_after
    assert after.score >= before.score - FORGOTTEN
    assert "on what the network knew before" in result.verdict
    # those tuned from it go on rehearsing
    assert result.model.spec.provenance.training[RECORD] == "boards"


def test_what_is_rehearsed_is_not_told_of_a_network_that_predicts_other_things(rehearsing):
    result = finish(finetune([numbered()], rehearsing, options(steps=1, task="objects")))
    assert result.trained.known_before is result.trained.known_after is None
    assert "knew before" not in result.verdict


def test_a_network_that_has_to_learn_the_contrary_may_forget(rehearsing):
    result = finish(finetune([inverted()], rehearsing, options(steps=30, learning_rate=5e-3)))
    assert result.trained.status.trust == 0
    assert result.trained.known_after.score < result.trained.known_before.score


def test_bundled_networks_for_nuclei_rehearse_nuclei():
    found = {
        entry.name: rehearsal_name(load_model(entry.path))
        for entry in Library().entries()
        if entry.bundled
    }
    assert {network for network, name in found.items() if name} == REHEARSALS.keys()
    images = rehearsal_annotations("nuclei")
    assert len(images) == 16
    assert all(len(np.unique(each.paint)) > 3 for each in images)
    assert rehearsal_annotations("") == ()
