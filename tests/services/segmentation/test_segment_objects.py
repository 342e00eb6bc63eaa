"""Segmenting objects, as a caller sees it."""

from __future__ import annotations

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from networks import strong_network
from painted import checkers, numbered, options

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.inference.outputs import label_dtype
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.cached_outputs import CachedOutputs
from napari_unet.services.segmentation.options import SegmentOptions, labels_are_objects
from napari_unet.services.segmentation.relabel import can_relabel, relabel
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.segmentation.writers import TileDone
from napari_unet.services.training.finetune import finetune

FLOAT = {"device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def model():
    """A small network that has learnt the chessboard's squares as objects."""
    blank = NewModel(base=4, depth=2, task="objects")
    how = options(steps=80, learning_rate=1e-2)
    return finish(finetune([numbered(), numbered(seed=1)], blank, how)).model


def labels_of(model, pixels, axes="YX", **others):
    return finish(segment(Image(pixels, axes), model, SegmentOptions(**FLOAT, **others))).labels


def test_objects_are_numbered(model):
    pixels, squares = checkers(seed=5)
    labels = labels_of(model, pixels)
    n = labels.max()
    assert labels.dtype == np.uint32
    assert n >= 8
    assert ((labels > 0) & squares).sum() / ((labels > 0) | squares).sum() > 0.7
    # of the same model, the classes
    classes = labels_of(model, pixels, objects=False)
    assert classes.max() == 1


@examples(15)
@given(tile=st.integers(72, 140), seed=st.integers(0, 50))
def test_tiles_change_nothing(model, tile, seed):
    pixels, _ = checkers((120, 170), seed=seed)
    assert (labels_of(model, pixels, tile=tile) == labels_of(model, pixels)).all()


def test_every_object_of_a_stack_has_a_number_of_its_own(model):
    stack = np.stack([checkers(seed=s)[0] for s in range(3)])
    labels = labels_of(model, stack, "TYX")
    each = [set(plane[plane > 0].tolist()) for plane in labels]
    assert not each[0] & each[1]
    assert not each[1] & each[2]
    assert set.union(*each) == set(range(1, labels.max() + 1))
    assert (labels_of(model, stack, "TYX", tile=72) == labels).all()


def test_classes_come_first_then_numbers(model):
    pixels, _ = checkers((120, 170), seed=5)
    steps = segment(Image(pixels, "YX"), model, SegmentOptions(**FLOAT, tile=72))
    blocks = [step for step in steps if isinstance(step, TileDone)]
    assert all(block.labels.max() <= 1 for block in blocks[:-1])
    assert blocks[-1].labels.shape == pixels.shape
    assert blocks[-1].labels.max() > 1


def test_objects_of_a_model_of_classes_are_connected_parts():
    how = options(steps=80, learning_rate=1e-2)
    plain = finish(finetune([numbered()], NewModel(base=4, depth=2), how)).model
    pixels, _ = checkers(seed=5)
    assert labels_of(plain, pixels).max() == 1
    assert labels_of(plain, pixels, objects=True).max() > 3


def random_model(activation="sigmoid", classes=1, ndim=2, **spec):
    """A network of random weights, which says something of everything."""
    config = UNetConfig.classic(base=4, depth=2, out_channels=classes, ndim=ndim)
    names = {} if spec else {"classes": tuple(f"class {i}" for i in range(classes))}
    chosen = ModelSpec(name="random", config=config, activation=activation, **names, **spec)
    return Model(chosen, strong_network(config))


@examples(12)
@given(tile=st.integers(52, 66), seed=st.integers(0, 50), depth=st.integers(5, 12))
def test_tiles_change_nothing_in_volumes(tile, seed, depth):
    volume = random_model(classes=3, ndim=3, task="objects")
    pixels = np.random.default_rng(seed).integers(0, 255, (depth, 70, 90), dtype=np.uint8)
    whole = labels_of(volume, pixels, "ZYX", tile=96)
    assert whole.max() > 1
    assert (labels_of(volume, pixels, "ZYX", tile=tile) == whole).all()


def found_again(maps, options, **at):
    again = finish(relabel(maps, options, **at))
    assert again.dtype == label_dtype(maps.spec, labels_are_objects(maps.spec, options))
    return again


CHANGES = ({}, {"threshold": 0.3}, {"separation": 0.8}, {"smallest": 30}, {"fill_holes": False})


@pytest.mark.each_value
@pytest.mark.parametrize("changed", CHANGES)
@pytest.mark.parametrize("objects", [True, False])
@pytest.mark.parametrize("kind", ["objects", "one class", "two classes", "exclusive classes"])
def test_labels_are_found_again_without_the_network(model, kind, objects, changed):
    network = {
        "objects": lambda: model,
        "one class": random_model,
        "two classes": lambda: random_model(classes=2),
        "exclusive classes": lambda: random_model("softmax", 3),
    }[kind]()
    options = SegmentOptions(objects=objects, **changed)
    if not can_relabel(network.spec, options):
        assert kind == "exclusive classes"
        assert not objects
        return
    stack = np.stack([checkers(seed=s)[0] for s in range(2)])
    image = Image(stack, "TYX")
    levels = np.zeros((network.spec.config.out_channels, *image.label_shape), np.uint8)
    finish(segment(image, network, SegmentOptions(**FLOAT), out_uint8=levels))
    again = found_again(CachedOutputs(image, network.spec, levels), options)
    assert again.any()
    assert (again == labels_of(network, stack, "TYX", objects=objects, **changed)).all()


def test_a_single_plane_is_found_again_with_the_numbers_asked_for(model):
    image = Image(np.stack([checkers(seed=s)[0] for s in range(2)]), "TYX")
    levels = np.zeros((3, *image.label_shape), np.uint8)
    first = finish(segment(image, model, SegmentOptions(**FLOAT), out_uint8=levels)).labels
    maps = CachedOutputs(image, model.spec, levels)
    again = found_again(maps, SegmentOptions(), at={"T": 1}, taken=int(first[0].max()))
    assert not again[0].any()
    assert (again[1] == first[1]).all()


def test_a_model_may_have_a_separation_of_its_own(model):
    stack = np.stack([checkers(seed=s)[0] for s in range(3)])
    own = Model(model.spec.model_copy(update={"separation": 0.9}), model.network)
    usual, changed = (labels_of(each, stack, "TYX") for each in (model, own))
    assert (changed != usual).any()
    assert (changed == labels_of(model, stack, "TYX", separation=0.9)).all()
    assert (usual == labels_of(own, stack, "TYX", separation=0.4)).all()


def test_the_smallest_object_is_given_in_the_image_s_unit(model):
    pixels, _ = checkers(seed=5)
    sized = Image(pixels, "YX", scale={"Y": 0.5, "X": 0.5}, unit="micrometer")
    labels = [
        finish(segment(sized, model, SegmentOptions(**FLOAT, smallest=s))).labels for s in (0, 10)
    ]
    sizes = np.bincount(labels[0].ravel())[1:] * 0.25
    assert labels[1].max() == (sizes >= 10).sum() < len(sizes) or (sizes >= 10).all()


def test_numbers_that_an_array_can_not_hold_are_refused(model):
    pixels, _ = checkers(seed=5)
    small = np.zeros(pixels.shape, np.uint8)
    with pytest.raises(UserError, match="too narrow for the labels"):
        finish(segment(Image(pixels, "YX"), model, out=small))


def test_an_image_without_objects(model):
    assert not labels_of(model, np.zeros((40, 40), np.uint8)).any()
