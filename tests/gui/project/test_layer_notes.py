"""What a project notes of layers, without a window: the same layers are made from it again."""

from __future__ import annotations

import json
from enum import Enum

import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes
from napari.utils.colormaps import Colormap

from napari_unet.core.errors import UserError
from napari_unet.gui.project.layers import kept, layer_from, pick, read
from napari_unet.services.storage.project import LayerNote

PIXELS = np.arange(60, dtype=np.uint16).reshape(6, 10)


def again(layer):
    """A layer as it comes back by way of a project's JSON."""
    ((note, pixels),) = kept([layer])
    note = LayerNote.model_validate_json(note.model_dump_json())
    return layer_from(note, None if pixels is None else (pixels, {}, note.kind), None)


def test_shapes_of_every_kind_come_back(qapp):
    layer = Shapes(ndim=3, name="checked")
    layer.add([[1, 0, 0], [1, 0, 5], [1, 5, 5], [1, 5, 0]], shape_type="rectangle", edge_width=2)
    layer.add([[2, 1, 1], [2, 4, 1], [2, 4, 7]], shape_type="polygon", face_color="red")
    made = again(layer)
    assert made.name == "checked"
    assert list(made.shape_type) == list(layer.shape_type)
    assert all(np.array_equal(a, b) for a, b in zip(made.data, layer.data, strict=True))
    assert list(made.edge_width) == list(layer.edge_width)
    assert np.allclose(made.face_color, layer.face_color)
    empty = again(Shapes(ndim=3, name="none yet"))
    assert (len(empty.data), empty.ndim) == (0, 3)


def test_a_colormap_of_ones_own_comes_back(qapp):
    own = Colormap([[0, 0, 0, 1], [1, 0.5, 0, 1]], name="orange of my own")
    layer = Image(PIXELS, name="cells", colormap=own, gamma=0.5, contrast_limits=(3, 40))
    made = again(layer)
    assert np.allclose(made.colormap.colors, own.colors)
    assert (made.gamma, tuple(made.contrast_limits)) == (0.5, (3, 40))


def test_metadata_that_json_can_t_hold_are_left_to_the_reader(qapp):
    held = {"a": 1, "b": np.arange(3), "c": np.float32(0.5), "reader": object()}
    ((note, _),) = kept([Labels(PIXELS, metadata=held)])
    assert note.metadata == {"a": 1, "b": [0, 1, 2], "c": 0.5}
    json.dumps(note.metadata)


def test_labels_keep_names_colours_and_contour(qapp):
    features = {"index": [0, 1], "class": ["background", "cell"]}
    layer = Labels(PIXELS % 3, features=features)
    layer.contour = 2
    made = again(layer)
    assert made.contour == 2
    assert made.features.equals(layer.features)


def test_of_several_channels_of_a_file_each_is_taken_once(qapp):
    ((note, _),) = kept([Image(PIXELS, name="second")])
    sources = [(PIXELS, {"name": name}, "image") for name in ("first", "second")]
    assert pick(sources, note)[1]["name"] == "second"
    assert pick(sources, note.model_copy(update={"name": "renamed"}))[1]["name"] == "first"


def test_a_file_of_another_shape_is_refused(qapp):
    ((note, _),) = kept([Image(PIXELS, name="cells")])
    for sources in ([(PIXELS[:3], {}, "image")], []):
        with pytest.raises(UserError, match="cells"):
            pick(sources, note)


def test_what_json_holds_only_as_text_is_kept_as_text(qapp):
    class Way(Enum):
        UP = 1

    ((note, _),) = kept([Labels(PIXELS, metadata={"way": Way.UP, "deep": {"n": np.int64(3)}})])
    assert note.metadata == {"way": "Way.UP", "deep": {"n": 3}}


def test_an_image_that_became_labels_keeps_nothing_of_what_its_reader_said(qapp):
    ((note, _),) = kept([Labels(PIXELS, name="mask")])
    said = {"colormap": "green", "contrast_limits": (0, 3), "gamma": 2}
    made = layer_from(note, (PIXELS, said, "image"), None)
    assert isinstance(made, Labels)
    assert np.array_equal(made.data, PIXELS)


def test_a_reader_that_is_gone_is_replaced_by_another_or_named(qapp, tmp_path, monkeypatch):
    asked = []

    def reading(paths, plugin):
        asked.append(plugin)
        if plugin == "gone" or paths[0].endswith("odd.xyz"):
            raise ValueError("no such reader")
        return [
            (np.stack([PIXELS] * 2), {"channel_axis": 0, "name": ["red", "green"]}),
            (PIXELS,),
        ], None

    monkeypatch.setattr("napari.plugins.io.read_data_with_plugins", reading)
    found = read(tmp_path / "cells.tif", "gone")
    assert asked == ["gone", None]
    assert [source[1].get("name") for source in found] == ["red", "green", None]
    assert [source[2] for source in found] == ["image"] * 3
    with pytest.raises(UserError, match="no such reader") as refused:
        read(tmp_path / "odd.xyz", "gone")
    assert "It was opened by the reader gone" in str(refused.value)
