"""Images at another pixel size than their model's."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from networks import strong_network
from painted import options as short
from painted import scribbled

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.resample import Resampled
from napari_unet.core.image.scale import common_pixel_size, pixel_size_factors, rescaled_shape
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.evaluation.evaluate import evaluate
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions


def _model(pixel_size: tuple[float, ...], **changes: object) -> Model:
    config = UNetConfig.classic(base=4, depth=2, ndim=len(pixel_size), out_channels=2)
    spec = ModelSpec(name="small", config=config, pixel_size=pixel_size, **changes)
    return Model(spec, strong_network(config))


def _image(shape: tuple[int, ...], axes: str, size: float, seed: int = 0) -> Image:
    pixels = np.random.default_rng(seed).random(shape).astype(np.float32)
    return Image(pixels, axes, dict.fromkeys("ZYX", size), "um", "noise")


def _shape_at(
    image: Image, spatial: str, pixel_size: tuple[float, ...], width: float | None = None
) -> tuple[int, ...] | None:
    return rescaled_shape(image, spatial, pixel_size_factors(image, spatial, pixel_size, width))


@given(st.data())
def test_a_window_is_the_same_part_of_the_whole(data):
    old = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    new = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    made = Resampled(np.random.default_rng(0).random((3, *old)), (3, *new))
    whole = made[0:3, 0 : new[0], 0 : new[1]]
    window = [sorted(data.draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)))) for n in new]
    y, x = (slice(a, max(a + 1, b)) for a, b in window)
    np.testing.assert_array_equal(made[1, y, x], whole[1, y, x])
    # means of what is there
    assert -1e-6 <= whole.min() <= whole.max() <= 1 + 1e-6


@pytest.mark.parametrize("n", [7, 20, 33, 40, 57, 200])
def test_places_and_brightness_are_kept(n):
    # a straight line stays one, seen at the centres of the new pixels
    line = np.arange(40, dtype=np.float32)
    found = Resampled(line, (n,))[0:n,]
    centres = (np.arange(n) + 0.5) * 40 / n - 0.5
    reach = math.ceil(max(40 / n, 1))
    inside = (centres >= reach) & (centres <= 39 - reach)
    # a mean of few old pixels is a little off its centre
    np.testing.assert_allclose(found[inside], centres[inside], atol=1e-4 if n >= 40 else 0.2)
    np.testing.assert_allclose(Resampled(np.ones(40), (n,))[0:n,], 1, atol=1e-6)


def test_what_is_too_fine_for_large_pixels_becomes_grey():
    stripes = np.tile([0.0, 1.0], 50)
    assert np.ptp(Resampled(stripes, (20,))[2:18,]) < 0.05


@pytest.mark.parametrize(
    ("scale", "unit", "expected"),
    [
        ({"Y": 1.0, "X": 1.0}, "um", (200, 400)),
        ({"Y": 1000.0, "X": 1000.0}, "nm", (200, 400)),
        ({"Y": 0.25, "X": 0.25}, "micrometer", (50, 100)),
        ({"Y": 0.5, "X": 1.0}, "um", (100, 400)),
        ({"Y": 0.55, "X": 0.55}, "um", None),
        ({"Y": 352.8, "X": 352.8}, "um", None),
        ({"Y": 1.0}, "um", None),
        ({"Y": 0.0, "X": 0.0}, "um", None),
        ({"Y": float("nan"), "X": 1.0}, "um", None),
        ({"Y": 1.0, "X": 1.0}, "pixel", None),
    ],
)
def test_when_an_image_is_rescaled(scale, unit, expected):
    image = Image(np.zeros((100, 200)), "YX", scale, unit)
    assert _shape_at(image, "YX", (0.5, 0.5)) == expected
    assert _shape_at(image, "YX", ()) is None


@given(tile=st.integers(52, 120), size=st.sampled_from([0.3, 0.35, 0.9, 1.4]))
@examples(20)
def test_tiles_make_no_difference(tile, size):
    model, image = _model((0.5, 0.5)), _image((60, 75), "YX", size)
    whole = finish(segment(image, model, SegmentOptions(probabilities=True, tile=2048)))
    assert whole.labels.shape == (60, 75)
    assert whole.record["rescaled_shape"] == [round(60 * size / 0.5), round(75 * size / 0.5)]
    tiled = finish(segment(image, model, SegmentOptions(probabilities=True, tile=tile)))
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=1e-5)


@pytest.mark.parametrize("size", [0.3, 1.2])
def test_a_region_is_part_of_the_whole(size):
    model, image = _model((0.5, 0.5)), _image((3, 70, 90), "TYX", size)
    whole = finish(segment(image, model, SegmentOptions(probabilities=True)))
    region = slice(1, 2), slice(20, 41), slice(33, 90)
    part = finish(segment(image, model, SegmentOptions(probabilities=True), region=region))
    inside = (slice(None), *region)
    np.testing.assert_allclose(part.probabilities[inside], whole.probabilities[inside], atol=1e-5)
    outside = np.ones(part.labels.shape, bool)
    outside[region] = False
    assert not part.labels[outside].any()


def test_volumes_with_channels_in_any_order():
    config = UNetConfig.classic(base=2, depth=1, ndim=3, in_channels=2, out_channels=2)
    spec = ModelSpec(name="small", config=config, pixel_size=(1.0, 0.5, 0.5))
    model = Model(spec, strong_network(config))
    pixels = np.random.default_rng(0).random((2, 9, 30, 40))
    scale = {"Z": 2.0, "Y": 0.25, "X": 0.5}
    image = Image(pixels, "CZYX", scale, "um")
    turned = Image(pixels.transpose(3, 1, 0, 2), "XZCY", scale, "um")
    options = SegmentOptions(probabilities=True, channels=(1, 0))
    one, other = (finish(segment(i, model, options)) for i in (image, turned))
    assert one.record["rescaled_shape"] == [18, 15, 40]
    assert one.labels.shape == (9, 30, 40)
    np.testing.assert_allclose(
        other.probabilities.transpose(0, 2, 3, 1), one.probabilities, atol=1e-5
    )


def test_the_plan_says_so_and_it_can_be_turned_off():
    model, image = _model((0.5, 0.5)), _image((60, 75), "YX", 1.0)
    told = prepare(image, model).plan
    assert told.rescaled == (120, 150)
    assert "rescaled to 120 × 150" in str(told)
    off = SegmentOptions(rescale=False)
    assert "rescaled" not in str(prepare(image, model, off).plan)
    plain = Image(image.data, "YX", name="noise")
    np.testing.assert_array_equal(
        finish(segment(image, model, off)).labels, finish(segment(plain, model)).labels
    )


def test_the_size_of_pixels_can_be_said_where_the_image_states_none():
    model, stated = _model((0.5, 0.5)), _image((60, 75), "YX", 1.0)
    plain = Image(stated.data, "YX", name="noise")
    assert "the image states no pixel size" in str(prepare(plain, model).plan)
    said = SegmentOptions(pixel_size=1.0)
    assert str(prepare(plain, model, said).plan) == str(prepare(stated, model).plan)
    found, wanted = (finish(segment(*pair)) for pair in ((plain, model, said), (stated, model)))
    np.testing.assert_array_equal(found.labels, wanted.labels)
    # it counts more than what the image states
    twice = SegmentOptions(pixel_size=0.25)
    assert prepare(stated, model, twice).plan.rescaled == (30, 38)
    # nothing to say where nothing is rescaled to, or one does not want it
    nothing = dataclasses.replace(model, spec=model.spec.model_copy(update={"pixel_size": ()}))
    assert "states no" not in str(prepare(plain, nothing).plan)
    assert "states no" not in str(prepare(plain, model, SegmentOptions(rescale=False)).plan)


def test_voxels_of_a_size_that_is_said_have_the_shape_of_the_models():
    image = Image(np.zeros((10, 30, 40), np.float32), "ZYX")
    assert _shape_at(image, "ZYX", (1.0, 0.5, 0.5)) is None
    assert _shape_at(image, "ZYX", (1.0, 0.5, 0.5), width=1.0) == (20, 60, 80)


def test_real_nuclei_at_a_sixth_of_the_pixel_size_are_found_as_before(shared_data):
    folder = shared_data / "nuclei-dsb2018"
    path = sorted((folder / "images").iterdir())[3]
    pixels, nuclei = tifffile.imread(path), tifffile.imread(folder / "masks" / path.name)
    broad = finish(Library().load("nuclei-broad"))
    spec = broad.spec.model_copy(update={"pixel_size": (0.5, 0.5), "diameter": None})
    model = dataclasses.replace(broad, spec=spec)
    size = {"Y": 0.5 / 6, "X": 0.5 / 6}
    fine = Image(np.kron(pixels, np.ones((6, 6), pixels.dtype)), "YX", size, "micrometer")
    found = finish(segment(fine, model))
    assert found.record["rescaled_shape"] == list(pixels.shape)
    own = finish(segment(Image(pixels, "YX"), model)).labels
    assert (found.labels[3::6, 3::6] == own).mean() > 0.99
    # what is told of it is what one gets
    true = np.kron(nuclei, np.ones((6, 6), nuclei.dtype)) > 0
    told = finish(evaluate([Annotation(fine, true, "classes")], model)).iou
    both = (found.labels > 0) & true
    assert told == pytest.approx(both.sum() / ((found.labels > 0) | true).sum())


def test_a_new_model_knows_its_pixel_size():
    image = _image((64, 64), "YX", 0.4)
    paint = Annotation(image, (image.data > 0.5).astype(np.uint8), "classes")
    options = FinetuneOptions(steps=1, minutes=None, patch=32, held_out=0)
    result = finish(finetune([paint], NewModel(base=2, depth=1), options))
    assert result.model.spec.pixel_size == (0.4, 0.4)


def test_a_parent_is_judged_as_it_segments():
    config = UNetConfig.classic(base=4, depth=2)
    spec = ModelSpec(name="small", config=config, activation="sigmoid", pixel_size=(0.8, 0.8))
    parent = Model(spec, strong_network(config))
    drawn = scribbled((3, 64, 64), "ZYX")
    image = dataclasses.replace(drawn.image, scale=dict.fromkeys("ZYX", 0.4), unit="um")
    result = finish(finetune([Annotation(image, drawn.paint, "scribbles")], parent, short(steps=1)))
    (truth,) = result.trained.training_set.held.truths

    def iou(rescale: bool) -> float:
        how = SegmentOptions(device="cpu", precision="float32", rescale=rescale)
        labels = finish(segment(image, parent, how)).labels
        found = Confusion.zero(2)
        for frame in frames(image, "YX", (0,)):
            held = truth.validation(frame, (slice(0, 64), slice(0, 64)))
            found += Confusion.of(labels[frame.index["Z"]], held, 2)
        return found.foreground_iou

    assert result.trained.before.score == pytest.approx(iou(rescale=True), abs=1e-3)
    assert abs(iou(rescale=True) - iou(rescale=False)) > 0.02


def test_images_of_different_pixel_size_have_none_in_common():
    one, near, other = (_image((8, 8), "YX", size) for size in (0.4, 0.45, 0.8))
    assert common_pixel_size([one, near], "YX") == (0.4, 0.4)
    assert common_pixel_size([one, other], "YX") == ()
    assert common_pixel_size([one, Image(one.data, "YX")], "YX") == ()
