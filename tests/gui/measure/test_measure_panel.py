"""The panel *Measure*: objects in a table and a plot that are linked with the image, and saved."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest
import tifffile
from annotate_kit import record, squares
from gui_kit import SECONDS, said
from napari.layers import Points
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QFileDialog
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.measure.panel import MeasurePanel
from napari_unet.gui.objects.image_link import NAME
from napari_unet.gui.widgets.theme import theme_of


@pytest.fixture
def layer(viewer):
    """Objects in two frames; the second is brighter, and has one more."""
    image = np.zeros((2, 40, 60), np.float32)
    image[1] = 7
    viewer.add_image(image, name="cells", axis_labels=("t", "y", "x"), scale=(1, 0.5, 0.5))
    labels = np.stack([squares(), squares()])
    labels[1, 36:39, 50:58] = labels.max() + 1
    how = {"scale": (1, 0.5, 0.5), "metadata": record(objects=True)}
    return viewer.add_labels(labels, name="found", **how)


@pytest.fixture
def panel(viewer, session, keeper, dock, layer, qtbot):
    made = dock(MeasurePanel(viewer, session, keeper))
    qtbot.waitUntil(lambda: made.table.rows.rowCount() > 0, timeout=SECONDS)
    return made


def cells(panel, name):
    rows = panel.table.rows
    column = list(rows.columns).index(name)
    return [rows.data(rows.index(i, column)) for i in range(rows.rowCount())]


def click(layer, spot):
    """Click a place of a layer, as napari tells it."""
    event = SimpleNamespace(
        type="mouse_press", button=1, position=layer.data_to_world(spot), pos=np.zeros(2)
    )
    running = [callback(layer, event) for callback in list(layer.mouse_drag_callbacks)]
    running = [each for each in running if hasattr(each, "send")]
    for kind in ("mouse_press", "mouse_release"):
        event.type = kind
        for each in running:
            next(each, None)


def test_objects_are_counted_when_the_panel_is_opened(panel, layer):
    first, second = (len(np.unique(plane)) - 1 for plane in layer.data)
    assert f"{first + second} objects" in panel.count_label.text()
    assert cells(panel, "t") == ["0"] * first + ["1"] * second


def test_a_row_shows_its_object_in_the_image(panel, layer, viewer, qtbot):
    row = panel.table.rows.rowCount() - 1
    panel.table.selectRow(row)
    qtbot.waitUntil(lambda: NAME in viewer.layers, timeout=SECONDS)
    (ring,) = (x for x in viewer.layers if isinstance(x, Points))
    assert ring.name == NAME
    assert viewer.dims.current_step[0] == 1
    assert np.allclose(ring.data[0], (1, 37, 53.5))
    assert layer.selected_label == layer.data.max()
    assert np.allclose(getattr(viewer, "scene", viewer).camera.center[-2:], (18.5, 26.75))
    panel.table.selectRow(0)
    assert len([x for x in viewer.layers if isinstance(x, Points)]) == 1
    assert viewer.dims.current_step[0] == 0


def test_a_click_in_the_image_chooses_the_row_of_that_frame(panel, layer, viewer):
    viewer.layers.selection.active = layer
    viewer.dims.set_current_step(0, 1)
    label = squares().max()
    click(layer, (1, *np.argwhere(layer.data[1] == label)[0]))
    row = panel.table.currentIndex().row()
    assert (cells(panel, "label")[row], cells(panel, "t")[row]) == (str(label), "1")
    layer.mode = "paint"
    click(layer, (1, *np.argwhere(layer.data[1] == 1)[0]))
    assert panel.table.currentIndex().row() == row, "a stroke of the brush is no choice"


def test_rows_are_sorted_by_any_column_and_keep_their_objects(panel, viewer):
    names = list(panel.table.rows.columns)
    panel.table.sortByColumn(names.index("intensity_mean"), Qt.SortOrder.DescendingOrder)
    assert cells(panel, "t")[0] == "1"
    panel.table.selectRow(0)
    assert viewer.dims.current_step[0] == 1


def test_the_plot_has_a_histogram_and_points_by_group(panel, viewer):
    plot = panel.plot
    assert plot.group.choices[:2] == (None, "t")
    plot.group.value = "t"
    assert len(plot._drawn) == 2
    # in the other theme, too, the axes can be read
    plot._axes[0].setTextPen("red")
    QApplication.sendEvent(plot, QEvent(QEvent.Type.PaletteChange))
    assert plot._axes[0].textPen().color().name() == theme_of(plot).dim
    assert "t 0" in plot.groups_label.text()
    plot.y.value = "intensity_mean"
    plot._take_click(None, plot._drawn[1].points()[-1:])
    assert viewer.dims.current_step[0] == 1
    assert panel.table.currentIndex().row() == panel.table.rows.rowCount() - 1


@pytest.mark.parametrize("what", ["labels", "table", "ROIs", "picture"])
def test_what_was_measured_is_saved(panel, layer, what, tmp_path, viewer, qtbot, monkeypatch):
    viewer.dims.set_current_step(0, 1)
    asked = []

    def choose(_, title, suggested, kinds):
        asked.append(suggested)
        return (str(tmp_path / "found"), kinds.split(";;")[0]) if len(asked) > 1 else ("", "")

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    for _ in range(2):
        assert not list(tmp_path.glob("found.*"))
        panel.save_row.buttons[what].click()
    assert asked[0].startswith("found")
    qtbot.waitUntil(lambda: "Saved" in said(panel), timeout=SECONDS)
    (path,) = tmp_path.glob("found.*")
    if what == "labels":
        assert np.array_equal(tifffile.imread(path), layer.data)
    elif what == "table":
        with path.open(encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == panel.table.rows.rowCount()
    elif what == "picture":
        assert imagecodecs.png_decode(path.read_bytes()).shape == (40, 60, 3)
    else:
        from napari_unet.services.files.labels import read_labels

        assert np.array_equal(read_labels(path, panel._numbered.image).image.data, layer.data)


def test_corrections_are_measured_anew_and_a_removed_layer_is_forgotten(
    panel, layer, viewer, qtbot
):
    before = panel.table.rows.rowCount()
    layer.data[0] = 0
    panel.measure_button.click()
    qtbot.waitUntil(lambda: 0 < panel.table.rows.rowCount() < before, timeout=SECONDS)
    viewer.layers.remove(layer)
    assert panel.table.rows.rowCount() == 0
    panel.measure_button.click()
    assert "no objects yet" in said(panel)


def test_without_objects_or_a_plane_in_view_nothing_is_saved(panel, layer, viewer, qtbot):
    for button in panel.save_row.buttons.values():
        button.setEnabled(True)
    viewer.dims.ndisplay = 3
    viewer.dims.set_point(0, 0)
    viewer.layers.remove(layer)
    panel.save_row.buttons["table"].click()
    assert "No objects have been measured yet" in said(panel)


def test_labels_that_cover_no_image_or_too_much_are_told(panel, layer, viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.gui.objects.measuring.CHECKED_BYTES", 10)
    panel.measure_button.click()
    assert "is too large for a table" in said(panel)
    viewer.layers.remove("cells")
    panel.measure_button.click()
    assert "covers none of the images" in said(panel)


def test_a_drag_over_objects_chooses_none(panel, layer, viewer):
    before = panel.table.currentIndex().row()
    start = layer.data_to_world((0, *np.argwhere(layer.data[0] == 2)[0]))
    event = SimpleNamespace(type="mouse_press", button=1, position=start, pos=np.zeros(2))
    (running,) = (call(layer, event) for call in layer.mouse_drag_callbacks)
    next(running)
    event.type, event.pos = "mouse_move", np.array((30.0, 0))
    next(running)
    event.type = "mouse_release"
    next(running, None)
    assert panel.table.currentIndex().row() == before
