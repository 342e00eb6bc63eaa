"""Options of a segmentation: the defaults of a model, and which options have an effect on it."""

from __future__ import annotations

import pytest
from networks import model_of

from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.options import SegmentOptions, has_effect, options_for

TWO = UNetConfig.classic(base=2, depth=1, out_channels=2)
THREE = UNetConfig.classic(base=2, depth=1, out_channels=3)
OBJECT_OPTIONS = ("separation", "smallest", "fill_holes")


def objects():
    size = {"pixel_size": (0.5, 0.5), "diameter": 20}
    return model_of(THREE, task="objects", activation="sigmoid", **size).spec


def classes(activation):
    return model_of(TWO, activation=activation).spec


@pytest.mark.parametrize("name", SegmentOptions.model_fields)
def test_every_option_has_an_effect_on_a_model_of_objects(name):
    assert has_effect(name, objects())


@pytest.mark.parametrize("name", OBJECT_OPTIONS)
def test_options_of_objects_have_none_where_classes_are_wanted(name):
    assert not has_effect(name, objects(), objects=False)
    assert not has_effect(name, classes("sigmoid"))


def test_connected_parts_have_a_size_and_holes_but_no_separation():
    effects = {name: has_effect(name, classes("sigmoid"), objects=True) for name in OBJECT_OPTIONS}
    assert effects == {"separation": False, "smallest": True, "fill_holes": True}


def test_the_threshold_has_none_where_classes_exclude_each_other():
    assert has_effect("threshold", classes("sigmoid"))
    assert not has_effect("threshold", classes("softmax"))


def test_a_model_that_states_neither_pixel_size_nor_diameter_rescales_nothing():
    for name in ("rescale", "pixel_size", "diameter"):
        assert not has_effect(name, classes("sigmoid"))
    stating = model_of(TWO, activation="sigmoid", diameter=20).spec
    effects = {n: has_effect(n, stating) for n in ("rescale", "pixel_size", "diameter")}
    assert effects == {"rescale": True, "pixel_size": False, "diameter": True}
    assert {n: has_effect(n, None) for n in effects} == effects


def test_the_defaults_of_a_model_are_stated():
    spec = objects()
    options = options_for(spec)
    assert options.objects
    assert options.threshold == spec.threshold
    assert options.separation == spec.separation
    assert options.normalization == spec.normalization
    assert not options_for(classes("softmax")).objects
