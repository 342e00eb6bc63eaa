"""How large an image's objects are, as a network estimates it."""

from __future__ import annotations

import numpy as np
import pytest
from discs import discs, pixels_of

from napari_unet.core.device import Compute
from napari_unet.core.diameter.estimate import DiameterEstimate, estimate_diameter
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.model.file import load_model
from napari_unet.core.progress import finish
from napari_unet.services.library import bundled_folder


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    model = load_model(bundled_folder() / "nuclei-fluorescence.safetensors")
    return Predictor(model, Compute("cpu", "float32"))


def estimate(image: Image, predictor: Predictor) -> DiameterEstimate:
    return finish(estimate_diameter(frames(image, predictor.spec.axes, (0,)), predictor))


@pytest.mark.parametrize(("diameter", "side"), [(8, 128), (20, 200), (60, 400), (130, 700)])
def test_the_diameter_is_found_whatever_it_is(diameter, side, predictor):
    found = estimate(discs(diameter, side), predictor)
    assert found.certain
    assert found.diameter == pytest.approx(diameter, rel=0.2)
    assert found.two_sizes is None


def test_it_does_not_depend_on_the_size_of_the_image(predictor):
    pixels = np.zeros((1700, 1700), np.uint8)
    pixels[1400:1656, 1400:1656] = discs(24).data
    found = estimate(Image(pixels, "YX"), predictor)
    assert found.diameter == pytest.approx(24, rel=0.2)


def test_a_single_object_is_enough(predictor):
    found = estimate(discs(90, 150), predictor)
    assert found.objects == 1
    assert found.diameter == pytest.approx(90, rel=0.25)


@pytest.mark.parametrize("noise", [0, 20])
def test_nothing_is_found_where_nothing_is(noise, predictor):
    pixels = np.random.default_rng(0).normal(100, noise, (90, 120)).astype(np.float32)
    found = estimate(Image(pixels, "YX"), predictor)
    assert found.diameter is None
    assert found.objects == 0


def test_two_sizes_are_told_and_the_scale_between_is_taken(predictor):
    pixels = pixels_of([10, 48], 400, gap=1.6)
    found = estimate(Image(pixels, "YX"), predictor)
    assert found.two_sizes is not None
    small, large = found.two_sizes
    assert small == pytest.approx(10, rel=0.35)
    assert large == pytest.approx(48, rel=0.35)
    assert small < found.diameter < large


def test_empty_planes_are_passed_over(predictor):
    planes = np.zeros((4, 128, 128), np.uint8)
    planes[3] = discs(16, 128).data
    assert estimate(Image(planes, "ZYX"), predictor).diameter == pytest.approx(16, rel=0.2)
