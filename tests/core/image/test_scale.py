"""Factors by which images are resampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.image.axes import Image
from napari_unet.core.image.scale import SAME_DIAMETER, diameter_factors, rescaled_shape

PLANE = Image(np.zeros((50, 80), np.uint8), "YX")


@given(st.floats(2, 500))
def test_objects_become_as_large_as_those_learnt_or_the_image_stays_as_it_is(diameter):
    y, x = diameter_factors(PLANE, "YX", diameter, 20)
    assert y == x
    if not 20 * SAME_DIAMETER[0] <= diameter <= 20 * SAME_DIAMETER[1]:
        assert x * diameter == pytest.approx(20)
    else:
        assert x == 1
        assert rescaled_shape(PLANE, "YX", (y, x)) is None


@pytest.mark.parametrize(
    ("scale", "unit", "pixel_size", "expected"),
    [
        ({"Z": 2.0, "Y": 0.5, "X": 0.5}, "um", (0.4, 0.1, 0.1), (1, 1, 1)),
        ({"Z": 2.0, "Y": 0.5, "X": 0.5}, "um", (0.1, 0.1, 0.1), (4, 1, 1)),
        ({"Z": 2.0, "Y": 0.5, "X": 0.5}, "um", (), (1, 1, 1)),
        ({"Z": 2.0, "Y": 0.5, "X": 0.5}, "pixel", (0.1, 0.1, 0.1), (1, 1, 1)),
        ({"Z": 99.0, "Y": 0.5, "X": 0.5}, "um", (0.1, 0.1, 0.1), (1, 1, 1)),
    ],
)
def test_voxels_get_the_proportions_of_the_networks(scale, unit, pixel_size, expected):
    image = Image(np.zeros((5, 20, 20), np.uint8), "ZYX", scale, unit)
    for diameter, factor in ((20, 1), (80, 0.25)):
        found = diameter_factors(image, "ZYX", diameter, 20, pixel_size)
        assert found == pytest.approx([factor * e for e in expected])
