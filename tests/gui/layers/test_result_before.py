"""A corrected layer remembers the result that it came from."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_unet.core.errors import UserError
from napari_unet.gui.journal.note import image_identity, layer_of, note_of
from napari_unet.gui.layers.annotation_layers import correct
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.layers.layer_pair import pair_layers
from napari_unet.gui.layers.pairing import can_be_learnt, check_pairs
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.result_before import BEFORE, before_of
from napari_unet.gui.layers.results import result_layer
from napari_unet.gui.project.layers import kept


@pytest.fixture
def shown():
    """An image with a finished result of two objects."""
    viewer = ViewerModel()
    source = viewer.add_image(np.zeros((20, 30), np.uint8), name="cells")
    assert isinstance(source, ImageLayer)
    labels = np.zeros((20, 30), np.uint32)
    labels[2:8, 2:8], labels[12:18, 20:28] = 1, 2
    placed, purpose = place(source, "YX"), {"title": "objects", "objects": True}
    filled = result_layer(viewer, source, placed, np.dtype(np.uint32), purpose, {})
    filled.write((slice(0, 20), slice(0, 30)), labels)
    filled.finish({"complete": True})
    return viewer, source, filled.layer


def pair_of(source, labels):
    return pair_layers(source, image_of(source, "YX"), labels, "objects", None)


def test_what_was_corrected_is_compared_with_the_result(shown):
    viewer, source, result = shown
    before = result.data.copy()
    layer = correct(viewer, source, result, "objects")
    layer.data[2:8, 2:8] = 0
    result.data[:] = 7
    pair = pair_of(source, layer)
    annotation = pair.annotation(pair.paint())
    assert np.array_equal(annotation.result_before, before)


def test_it_is_kept_in_journals_and_projects(shown):
    viewer, source, result = shown
    layer = correct(viewer, source, result, "objects")
    restored = layer_of(note_of(layer, image_identity(source)), layer.data)
    assert np.array_equal(before_of(restored).labels, result.data)
    note = next(note for note, _ in kept(viewer.layers) if note.name == layer.name)
    opened = Labels(
        layer.data.copy(), metadata={BEFORE: json.loads(json.dumps(note.metadata))[BEFORE]}
    )
    assert np.array_equal(before_of(opened).labels, result.data)


@pytest.mark.parametrize("kept_value", [None, "x", {}, {"shape": [2], "dtype": "?", "pixels": "~"}])
def test_what_can_not_be_read_counts_as_painted_anew(kept_value):
    assert before_of(Labels(np.zeros((4, 4), int), metadata={BEFORE: kept_value})) is None


def test_a_raw_result_is_neither_offered_nor_learnt(shown):
    viewer, source, result = shown
    assert not can_be_learnt(result)
    with pytest.raises(UserError, match="Correct this result"):
        check_pairs([pair_of(source, result)])
    layer = correct(viewer, source, result, "objects")
    assert can_be_learnt(layer)
    check_pairs([pair_of(source, layer)])


def test_a_result_that_was_painted_on_is_an_annotation(shown):
    _, source, result = shown
    result.data[0, 0] = 5
    assert can_be_learnt(result)
    check_pairs([pair_of(source, result)])
