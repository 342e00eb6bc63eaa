"""Annotated objects of another size than a network learnt are shown to it at the size it knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from painted import blank, numbered, options, scribbled

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.annotations.rescale import Rescaling
from napari_unet.core.image.axes import Image
from napari_unet.core.model.spec import with_diameter
from napari_unet.core.progress import Notice, finish
from napari_unet.core.training.state import read_status
from napari_unet.services.training.finetune import finetune

SQUARE = 2 * 16 / np.pi**0.5
LARGER = 3


@pytest.fixture(scope="module")
def parent():
    """A network that knows squares of 16 pixels."""
    chosen = options(steps=40, learning_rate=5e-3, held_out=0.0)
    model = finish(finetune([scribbled()], blank(), chosen)).model
    return with_diameter(model, SQUARE)


def enlarged(annotation, times=LARGER):
    """The same with more pixels."""
    pixels, paint = (
        np.kron(np.asarray(each), np.ones((times, times), each.dtype))
        for each in (annotation.image.data, annotation.paint)
    )
    image = Image(pixels, "YX", name="board", scale={"Y": 0.1, "X": 0.1}, unit="um")
    return Annotation(image, paint, annotation.kind)


def trained(annotation, model, **others):
    chosen = {"steps": 1, "task": "semantic", **others}
    return finish(finetune([annotation], model, options(**chosen)))


def test_the_network_sees_them_at_the_size_it_knows(parent):
    large = enlarged(numbered())
    at_its_size, as_they_are = (trained(large, parent, rescale=r) for r in (True, False))
    assert at_its_size.trained.status.factors == (pytest.approx((1 / LARGER,) * 2, rel=0.02),)
    (truth,) = at_its_size.trained.training_set.inspection.truths
    assert truth.annotation.image.label_shape == numbered().paint.shape
    assert at_its_size.before[1].iou > 0.7
    assert at_its_size.model.spec.diameter == pytest.approx(SQUARE, abs=0.1)
    # nothing was learnt: a copy of the parent knows objects of the same size
    assert as_they_are.model.spec.diameter == pytest.approx(SQUARE, abs=0.1)
    # the pixels that it learnt are as large as those of three together
    assert at_its_size.model.spec.pixel_size == pytest.approx((0.3, 0.3), rel=0.02)
    assert as_they_are.model.spec.pixel_size == pytest.approx((0.1, 0.1))


def test_this_is_told_before_the_first_step(parent):
    steps = finetune([enlarged(numbered())], parent, options(steps=1, task="semantic"))
    said = [step.text for step in steps if isinstance(step, Notice)]
    assert any("54" in text and "18" in text and "0.33 times" in text for text in said)


@pytest.mark.parametrize("annotation", [numbered(), enlarged(scribbled())])
def test_objects_of_about_that_size_and_scribbles_are_left_as_they_are(parent, annotation):
    assert trained(annotation, parent).trained.status.factors == ()


def test_the_diameter_of_scribbled_objects_can_be_given(parent):
    result = trained(enlarged(scribbled()), parent, diameter=LARGER * SQUARE)
    assert result.trained.status.factors == (pytest.approx((1 / LARGER,) * 2, rel=0.02),)
    assert result.model.spec.diameter == pytest.approx(SQUARE, abs=0.1)


def test_each_image_has_a_scale_of_its_own(parent):
    small, large = numbered(), enlarged(numbered())
    result = finish(finetune([small, large], parent, options(steps=1, task="semantic")))
    first, second = result.trained.status.factors
    assert first == ()
    assert second == pytest.approx((1 / LARGER,) * 2, rel=0.02)


def test_an_interrupted_training_keeps_the_scale_it_began_with(parent, tmp_path):
    state, large = tmp_path / "a.training", enlarged(numbered())
    chosen = options(steps=4, task="semantic", save_every=1e-6)
    job = finetune([large], parent, chosen, state=state)
    while not (state.is_file() and read_status(state).step >= 1):
        next(job)
    job.close()
    began = read_status(state)
    # all but the upper left corners of the squares is removed: they measure less than half
    fewer = np.where(np.indices(large.paint.shape).max(axis=0) % 48 < 20, large.paint, 0)
    other = replace(large, paint=fewer.astype(large.paint.dtype))
    result = finish(finetune([other], parent, chosen, state=state))
    assert result.trained.status.factors == began.factors
    assert began.factors


def test_regions_and_the_result_before_go_along():
    annotation = enlarged(numbered())
    region = Region.box((0, 96), (48, 192))
    annotation = replace(annotation, regions=(region,), result_before=annotation.paint)
    (shown,) = finish(Rescaling(((1 / 3, 1 / 3),)).annotations([annotation]))
    assert shown.image.label_shape == (64, 64)
    assert shown.image.scale == pytest.approx({"Y": 0.3, "X": 0.3})
    np.testing.assert_array_equal(shown.paint[0:64, 0:64], numbered().paint)
    np.testing.assert_array_equal(shown.result_before[0:64, 0:64], numbered().paint)
    mask = shown.regions[0].mask((64, 64)).window(slice(0, 64), slice(0, 64))
    np.testing.assert_array_equal(
        mask, Region.box((0, 32), (16, 64)).mask((64, 64)).window(slice(0, 64), slice(0, 64))
    )


@pytest.mark.parametrize("factor", [0.3, 1.7])
def test_labels_are_the_same_in_whatever_window_they_are_read(factor):
    annotation = numbered((2, 64, 48), "TYX")
    (shown,) = finish(Rescaling(((factor, factor),)).annotations([annotation]))
    whole = shown.paint[0:2, 0 : shown.paint.shape[1], 0 : shown.paint.shape[2]]
    assert whole.shape == shown.paint.shape == shown.image.label_shape
    assert set(np.unique(whole)) <= set(np.unique(annotation.paint))
    np.testing.assert_array_equal(shown.paint[1, 3:11, 5:6], whole[1, 3:11, 5:6])
