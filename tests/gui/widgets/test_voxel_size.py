"""The row for the voxel size in *Segment*: shown, typed, refused, taken from the file and undone."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

PIXELS = np.zeros((3, 20, 30), np.uint8)


@pytest.fixture
def row(segment_panel):
    """The row in the panel."""
    return segment_panel.image.voxel_size


def enter(row, typed):
    """Type something, and leave the field."""
    row.field.native.setText(typed)
    row.field.native.editingFinished.emit()


def test_what_is_typed_is_set_in_the_layer(row, viewer):
    layer = viewer.add_image(PIXELS, name="cells")
    assert row.field.value == ""
    changes = []
    row.changed.connect(lambda: changes.append(row.field.value))
    enter(row, "2 x 0.5 x 0.5")
    assert np.allclose(layer.scale, (2, 0.5, 0.5))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert row.field.value == "2 × 0.5 × 0.5 µm"
    assert changes == ["2 × 0.5 × 0.5 µm"]
    enter(row, row.field.value)
    assert len(changes) == 1, "the same again changes nothing"


@pytest.mark.parametrize("typed", ["zero", "0", "-1", "1 2 3 4 5"])
def test_what_is_no_size_is_refused_in_words(row, viewer, typed):
    layer = viewer.add_image(PIXELS, name="cells")
    enter(row, typed)
    assert layer.scale.tolist() == [1, 1, 1]
    assert row.note.text()


def test_it_follows_the_layer(row, viewer):
    layer = viewer.add_image(PIXELS, name="cells", units=("um",) * 3, scale=(1, 1, 1))
    layer.scale = (3, 0.2, 0.2)
    assert row.field.value == "3 × 0.2 × 0.2 µm"
    viewer.layers.clear()
    assert row.field.value == ""
    assert not row.row.isEnabled()


def test_a_layer_without_scale_gets_that_of_its_file_and_undo_takes_it_away(row, viewer, tmp_path):
    path = tmp_path / "cells.tif"
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(path, PIXELS, imagej=True, metadata=metadata, resolution=(4, 4))
    from napari.layers import Image
    from napari.layers._source import layer_source

    with layer_source(path=str(path), reader_plugin="napari"):
        layer = Image(PIXELS, name="cells")
    viewer.add_layer(layer)
    assert np.allclose(layer.scale, (2, 0.25, 0.25))
    assert "From the file" in row.note.text()
    row.note.linkActivated.emit("undo")
    assert layer.scale.tolist() == [1, 1, 1]
    assert row.note.text() == ""
