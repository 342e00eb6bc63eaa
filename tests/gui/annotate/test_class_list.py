"""The list of classes in *Annotate*: they are added, renamed, coloured and removed there."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import new
from annotate_kit import panel as panel
from qtpy.QtGui import QColor
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.annotate.class_list import ClassList
from napari_unet.gui.layers.classes import classes_of


@pytest.fixture
def layer(panel, viewer):
    """Scribbles of the classes that a new annotation has."""
    viewer.add_image(np.zeros((20, 30)), name="cells")
    return new(panel)


@pytest.fixture
def rows(panel):
    """The list in the panel."""
    return panel.findChild(ClassList)


def names(layer):
    return [row.name for row in classes_of(layer)]


def test_a_class_is_added_and_picked_to_be_painted_with(rows, layer):
    before = names(layer)
    rows.add_button.click()
    assert len(names(layer)) == len(before) + 1
    assert layer.selected_label == len(before)
    assert rows.count == len(before) + 1


def test_a_double_click_renames_and_a_name_that_is_taken_is_refused(rows, layer, panel):
    rows.add_button.click()
    last = rows.count - 1
    rows.table.item(last, 2).setText("membrane")
    assert names(layer)[last] == "membrane"
    refused = []
    rows.failed.connect(refused.append)
    rows.table.item(last, 2).setText(names(layer)[last - 1])
    assert len(refused) == 1
    assert names(layer)[last] == "membrane"
    assert rows.table.item(last, 2).text() == "membrane"


def test_a_removed_class_takes_its_strokes_along_and_undo_brings_both_back(rows, layer):
    rows.add_button.click()
    rows.table.item(rows.count - 1, 2).setText("membrane")
    value = rows.count - 1
    layer.paint((10, 10), value)
    assert (layer.data == value).any()
    rows.remove_button.click()
    assert "membrane" not in names(layer)
    assert not (layer.data == value).any()
    assert layer.selected_label == value - 1
    layer.undo()
    assert "membrane" in names(layer)
    assert (layer.data == value).any()


def test_the_only_class_and_the_background_stay(rows, layer):
    layer.selected_label = rows.count - 1
    assert not rows.remove_button.isEnabled()
    layer.selected_label = 0
    assert not rows.remove_button.isEnabled()
    assert not rows.colour_button.isEnabled()


@pytest.mark.parametrize("valid", [True, False])
def test_the_colour_that_is_chosen_is_the_colour_of_the_class(rows, layer, monkeypatch, valid):
    last = rows.count - 1
    layer.selected_label = last
    before = classes_of(layer)[last].colour
    chosen = QColor(255, 128, 0) if valid else QColor()
    monkeypatch.setattr(
        "napari_unet.gui.annotate.class_list.QColorDialog.getColor", lambda *_: chosen
    )
    rows.colour_button.click()
    expected = (1, 128 / 255, 0, 1) if valid else before
    assert classes_of(layer)[last].colour == pytest.approx(expected, abs=1e-2)


def test_without_a_layer_nothing_can_be_done(qapp):
    rows = ClassList()
    for button in (rows.add_button, rows.remove_button, rows.colour_button):
        button.setEnabled(True)
        button.click()
    assert rows.count == 0
