"""How unsure a network is of each pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.core.errors import UserError
from napari_unet.core.inference.outputs import to_uint8
from napari_unet.core.inference.uncertainty import question_uncertainty, uncertainty
from napari_unet.core.model.spec import ModelSpec
from napari_unet.core.unet.config import UNetConfig


def spec(n, activation="softmax", **others):
    config = UNetConfig.classic(base=2, depth=2, out_channels=n)
    return ModelSpec(name="some", config=config, activation=activation, **others)


OBJECTS = spec(3, task="objects")
SPECS = [spec(2), spec(5), spec(1, "sigmoid"), spec(4, "sigmoid"), spec(1, "none"), OBJECTS]


@st.composite
def told(draw, among=SPECS):
    """A network's description, and what it might say of 5 × 6 pixels."""
    chosen = draw(st.sampled_from(among))
    n = chosen.config.out_channels
    maps = draw(arrays(np.float32, (n, 5, 6), elements=st.floats(0, 1, width=32)))
    if chosen.activation == "softmax":
        maps = np.exp(9 * maps - 4)
        maps = (maps / maps.sum(axis=0)).astype(np.float32)
    return chosen, maps


@given(told())
def test_it_lies_between_0_and_1_and_is_nearly_the_same_of_levels(pair):
    chosen, maps = pair
    found = uncertainty(maps, chosen)
    assert (found.shape, found.dtype) == ((5, 6), np.float32)
    assert 0 <= found.min() <= found.max() <= 1
    assert np.abs(uncertainty(to_uint8(maps), chosen) - found).max() < 0.03


@given(told(), st.randoms())
def test_the_order_of_the_classes_does_not_matter(pair, random):
    chosen, maps = pair
    order = list(range(len(maps)))
    # the maps of objects have places of their own
    if chosen is not OBJECTS:
        random.shuffle(order)
    else:
        order = [1, 0, 2]
    found = uncertainty(maps[order], chosen)
    assert found == pytest.approx(uncertainty(maps, chosen), abs=1e-6)


@pytest.mark.parametrize("chosen", SPECS)
def test_what_is_certain_gives_0_and_what_is_even_1(chosen):
    n = chosen.config.out_channels
    even = 1 / n if chosen.activation == "softmax" else 0.5
    assert uncertainty(np.full((n, 2, 2), even, np.float32), chosen) == pytest.approx(1, abs=1e-6)
    for which in range(n):
        certain = np.zeros((n, 2, 2), np.float32)
        certain[which] = 1
        assert (uncertainty(certain, chosen) == 0).all()


@given(told(), told())
def test_what_mirror_images_disagree_on_is_unsure_too(one, other):
    """The entropy of the mean is no less than the mean entropy."""
    chosen, maps = one
    if other[0] is not chosen:
        return
    mean = uncertainty((maps + other[1]) / 2, chosen)
    each = (uncertainty(maps, chosen) + uncertainty(other[1], chosen)) / 2
    assert (mean >= each - 1e-5).all()


def test_of_objects_the_distance_tells_nothing_and_the_questions_are_two():
    maps = np.zeros((3, 2, 2), np.float32)
    maps[1, 0, 0] = 0.5
    maps[2] = 0.5
    assert question_uncertainty(maps, OBJECTS).shape == (2, 2, 2)
    assert uncertainty(maps, OBJECTS).tolist() == [[0.5, 0], [0, 0]]


def test_what_is_no_output_of_the_network_is_refused():
    with pytest.raises(UserError, match="not the outputs"):
        uncertainty(np.zeros((2, 4, 4), np.float32), OBJECTS)
    for bad in (np.nan, np.inf):
        maps = np.full((2, 4, 4), 0.5, np.float32)
        maps[1, 2, 3] = bad
        for chosen in (spec(2), spec(2, "sigmoid")):
            with pytest.raises(UserError, match="not numbers"):
                uncertainty(maps, chosen)
