"""Tools for objects in *Annotate*: what they change, where, and how it is taken back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from annotate_kit import drag, press_key, record, undo_gives
from annotate_kit import objects as objects
from annotate_kit import panel as panel
from gui_kit import SECONDS, said
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.layers.editing import real


def test_next_number_is_free(objects, panel, viewer):
    panel.objects.next_button.click()
    assert (objects.selected_label, objects.mode) == (6, "paint")
    objects.selected_label = 1
    press_key(viewer, "n")
    assert objects.selected_label == 6


def test_merging_gives_the_second_object_the_number_of_the_first(objects, panel):
    before = objects.data.copy()
    panel.objects.tools["merge"].click()
    drag(objects, (10, 10))
    drag(objects, (10, 20))
    assert np.array_equal(objects.data, np.where(before == 2, 1, before))
    undo_gives(objects, before)


def test_splitting_divides_along_the_stroke(objects, panel):
    before = objects.data.copy()
    panel.objects.tools["split"].click()
    assert not objects.mouse_pan
    drag(objects, (0, 10), (9, 10), (18, 10))
    assert set(np.unique(objects.data[before == 1])) == {1, 6}
    assert np.array_equal(objects.data > 0, before > 0)
    assert np.array_equal(objects.data[before != 1], before[before != 1])
    undo_gives(objects, before)
    drag(objects, (0, 10), (9, 10))
    assert "does not split" in said(panel)
    assert np.array_equal(objects.data, before)
    panel.objects.tools["split"].click()
    assert objects.mouse_pan


def test_after_a_split_the_next_free_number_is_taken(objects, panel):
    panel.objects.tools["split"].click()
    drag(objects, (0, 10), (9, 10), (18, 10))
    assert objects.selected_label == 7


def test_an_object_that_begins_elsewhere_gets_a_number_of_its_own(objects, panel):
    panel.objects.next_button.click()
    objects.brush_size = 4
    drag(objects, (3, 40), (3, 44))
    drag(objects, (3, 46), (3, 48))
    assert objects.selected_label == 6
    drag(objects, (12, 50), (12, 54))
    assert objects.selected_label == 7
    assert [objects.data[at] for at in ((3, 40), (3, 48), (12, 50))] == [6, 6, 7]


def test_a_number_that_was_chosen_is_painted_anywhere(objects, panel):
    """A cell under another one may be in two pieces."""
    panel.objects.next_button.click()
    drag(objects, (3, 40))
    objects.selected_label = 1
    drag(objects, (36, 10))
    assert objects.data[36, 10] == 1
    drag(objects, (36, 25))
    assert objects.data[36, 25] == 7


def test_deleting_and_filling(objects, panel):
    before = objects.data.copy()
    panel.objects.tools["delete"].click()
    drag(objects, (10, 10))
    assert np.array_equal(objects.data, np.where(before == 1, 0, before))
    undo_gives(objects, before)
    drag(objects, (10, 10), (10, 30))
    assert np.array_equal(objects.data, before), "that moves the image"
    drag(objects, (38, 2))
    assert "no object under the mouse" in said(panel)
    panel.objects.tools["fill"].click()
    drag(objects, (22, 33))
    assert (objects.data[20:35, 30:50] == 5).all()
    undo_gives(objects, before)
    drag(objects, (10, 10))
    assert "has no holes" in said(panel)


def test_the_brush_or_escape_puts_the_tool_away(objects, panel, viewer):
    tool = panel.objects.tools["delete"]
    before = objects.data.copy()
    tool.click()
    objects.mode = "paint"
    assert not tool.isChecked()
    objects.mode = "pan_zoom"
    drag(objects, (10, 10))
    assert np.array_equal(objects.data, before)
    tool.click()
    press_key(viewer, "Escape")
    assert not tool.isChecked()
    tool.click()
    viewer.layers.selection.active = viewer.layers["cells"]
    assert not tool.isChecked()
    keys = {str(key) for key in real(objects).keymap}
    assert keys == {*"AJNXZCOSGDH", "PageDown", "PageUp", "Shift+A"}


@pytest.fixture
def volume(panel, viewer):
    """One object through four planes, ready to be corrected."""
    viewer.add_image(np.zeros((4, 40, 60)), name="cells", scale=(3, 1, 1))
    labels = np.zeros((4, 40, 60), np.uint32)
    labels[:, 10:20, 10:30] = 1
    labels[:, 10:20, 30:50] = 2
    viewer.add_labels(labels, name="found", scale=(3, 1, 1), metadata=record(objects=True))
    panel.source.correct_button.click()
    viewer.dims.set_current_step(0, 2)
    return panel.annotation.layer


@pytest.mark.parametrize("through", [False, True])
def test_in_a_stack_the_plane_in_view_is_edited_or_all_of_the_object(
    volume, panel, viewer, through
):
    panel.objects.through_box.setChecked(through)
    planes = slice(None) if through else slice(2, 3)
    before = volume.data.copy()
    others = np.ones(4, bool)
    others[planes] = False
    assert volume.n_edit_dimensions == (3 if through else 2)
    panel.objects.tools["merge"].click()
    drag(volume, (2, 15, 15))
    drag(volume, (2, 15, 40))
    assert (volume.data[planes, 10:20, 10:50] == 1).all()
    assert np.array_equal(volume.data[others], before[others])
    undo_gives(volume, before)
    panel.objects.tools["split"].click()
    drag(volume, (2, 5, 20), (2, 25, 20))
    assert set(np.unique(volume.data[planes, 10:20, 10:30])) == {1, 3}
    assert np.array_equal(volume.data[others], before[others])
    undo_gives(volume, before)
    panel.objects.tools["delete"].click()
    viewer.dims.set_current_step(0, 2)
    drag(volume, (2, 15, 15))
    assert not volume.data[planes, 10:20, 10:30].any()
    assert np.array_equal(volume.data[others], before[others])
    undo_gives(volume, before)


def test_objects_of_two_planes_are_joined(volume, panel, viewer):
    before = volume.data.copy()
    panel.objects.tools["merge"].click()
    drag(volume, (2, 15, 15))
    viewer.dims.set_current_step(0, 3)
    drag(volume, (3, 15, 40))
    assert (volume.data[3, 10:20, 30:50] == 1).all()
    assert np.array_equal(volume.data[:3], before[:3])


def test_other_views_are_edited_as_they_are_seen(volume, panel, viewer):
    before = volume.data.copy()
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 15)
    panel.objects.tools["delete"].click()
    drag(volume, (2, 15, 15))
    assert not volume.data[:, 15, 10:30].any()
    assert np.array_equal(np.delete(volume.data, 15, axis=1), np.delete(before, 15, axis=1))
    panel.checks.plane_button.click()
    assert "does not show a plane of the image" in said(panel)
    volume.undo()
    viewer.dims.ndisplay = 3
    drag(volume, (2, 15, 15))
    assert "shown in 3-D" in said(panel)
    assert np.array_equal(volume.data, before)


def test_a_hidden_layer_is_not_edited(objects, panel):
    before = objects.data.copy()
    panel.objects.tools["delete"].click()
    objects.visible = False
    drag(objects, (10, 10))
    assert np.array_equal(objects.data, before)
    panel.objects.next_button.click()
    assert "is hidden" in said(panel)


def test_a_stroke_is_dropped_when_the_labels_are_exchanged_under_it(objects, panel):
    old, fresh = objects.data.copy(), np.zeros((40, 60), np.uint32)
    panel.objects.tools["split"].click()
    layer = real(objects)
    event = SimpleNamespace(type="mouse_press", button=1, position=(1, 5), pos=np.zeros(2))
    (generator,) = filter(None, [f(layer, event) for f in list(layer.mouse_drag_callbacks)])
    next(generator)
    event.type, event.position = "mouse_move", (9, 5)
    next(generator)
    assert not np.array_equal(layer.data, old)
    objects.data = fresh
    event.type = "mouse_release"
    next(generator, None)
    assert not layer.data.any()
    assert not panel.objects.tools["split"].isChecked()


def test_a_closed_panel_touches_the_viewer_no_more(panel, viewer, objects, dock):
    panel.objects.tools["split"].click()
    callbacks = len(real(objects).mouse_drag_callbacks)
    dock.close(panel)
    # that of the tool, the one that keeps numbers apart, and that of clicks with a key held
    assert len(real(objects).mouse_drag_callbacks) == callbacks - 3
    assert not real(objects).keymap
    viewer.layers.clear()
    viewer.add_image(np.zeros((20, 30)))


def test_corrected_objects_are_measured(objects, panel, viewer, qtbot):
    row = panel.measures
    assert not row.centres_button.isEnabled()
    objects.translate = (100, 0)
    panel.objects.tools["delete"].click()
    drag(objects, (10, 10))
    row.measure_button.click()
    qtbot.waitUntil(lambda: row.measuring.count > 0, timeout=SECONDS)
    numbers = np.unique(objects.data[objects.data > 0])
    assert f"{len(numbers)} objects measured" in said(panel)
    table = objects.features
    assert list(table["label"]) == list(numbers)
    assert list(table["area_px"]) == [(objects.data == n).sum() for n in numbers]
    row.centres_button.click()
    points = viewer.layers[f"{objects.name} centres"]
    for number, place in zip(numbers, points.data, strict=True):
        assert place == pytest.approx(np.argwhere(objects.data == number).mean(axis=0))
    assert tuple(points.translate) == (100, 0)


def test_shape_ring_and_parents_are_measured(objects, panel, viewer, qtbot):
    cells = (np.indices(objects.data.shape)[-1] < objects.data.shape[-1] // 2) * np.uint8(5)
    viewer.add_labels(cells, name="larger", scale=objects.scale)
    other = viewer.add_labels(np.zeros((7, 8), np.uint8), name="other")
    panel.annotation.choose(objects)
    row = panel.measures
    row.ring.set_value(2)
    assert row.parents.choose(viewer.layers["larger"])
    row.measure_button.click()
    qtbot.waitUntil(lambda: row.measuring.count > 0, timeout=SECONDS)
    table = objects.features
    assert {"perimeter_px", "eccentricity", "ring_mean", "parent_overlap"} <= set(table)
    for number, parent in zip(table["label"], table["parent"], strict=True):
        assert parent == np.bincount(cells[objects.data == number]).argmax()
    assert row.parents.choose(other)
    row.measure_button.click()
    assert "does not cover the same pixels" in said(panel)


def test_more_objects_than_a_table_takes_are_told(objects, panel, viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.gui.objects.measuring.MAX_TABLED_OBJECTS", 1)
    row = panel.measures
    row.measure_button.click()
    qtbot.waitUntil(lambda: row.measuring.count > 1, timeout=SECONDS)
    assert "too many for the table" in said(panel)
    assert objects.features.empty
    row.centres_button.click()
    assert len(viewer.layers[f"{objects.name} centres"].data) == row.measuring.count


def test_a_layer_removed_while_it_is_measured(objects, panel, viewer, qtbot):
    panel.measures.measure_button.click()
    viewer.layers.remove(real(objects))
    qtbot.waitUntil(lambda: not panel.measures.measuring.busy, timeout=SECONDS)
    assert panel.measures.measuring.count == 0
    assert not panel.groups["objects"].isVisibleTo(panel)


def test_a_click_makes_an_object_and_the_wheel_another(objects, panel, viewer):
    before = objects.data.copy()
    viewer.layers["cells"].data = 100.0 * (before > 0) + disc_at(objects.data.shape, (8, 45), 5)
    panel.objects.tools["click"].click()
    drag(objects, (8, 45))
    first = objects.data == 6
    assert first[8, 45]
    assert np.array_equal(objects.data[before > 0], before[before > 0])
    assert "turn the wheel" in panel.objects.help_label.text()
    event = SimpleNamespace(delta=(0, 1.0), handled=False)
    for callback in real(objects).mouse_wheel_callbacks:
        callback(real(objects), event)
    assert event.handled, "the image is not zoomed meanwhile"
    second = objects.data == 6
    assert second.sum() > first.sum()
    undo_gives(objects, before)


def test_the_wheel_zooms_again_once_something_else_was_done(objects, panel, viewer):
    viewer.layers["cells"].data = disc_at(objects.data.shape, (8, 45), 5)
    panel.objects.tools["click"].click()
    drag(objects, (8, 45))
    objects.data_setitem((np.array([0]), np.array([0])), 9)
    after = objects.data.copy()
    event = SimpleNamespace(delta=(0, 1.0), handled=False)
    for callback in real(objects).mouse_wheel_callbacks:
        callback(real(objects), event)
    assert not event.handled
    assert np.array_equal(objects.data, after)
    press_key(viewer, "Escape")
    assert not panel.objects.tools["click"].isChecked()
    assert real(objects).mouse_wheel_callbacks == []


def disc_at(shape, centre, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return 200.0 * ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2)


def test_objects_are_filled_in_between_planes(panel, viewer):
    labels = np.zeros((5, 40, 60), np.uint32)
    labels[0, 10:20, 10:20] = labels[4, 10:20, 14:24] = 2
    viewer.add_image(np.zeros(labels.shape), name="cells")
    viewer.add_labels(labels, name="found", metadata=record(objects=True))
    panel.source.correct_button.click()
    layer = panel.annotation.layer
    before = layer.data.copy()
    panel.objects.between_button.click()
    assert (layer.data[1:4] == 2).any(axis=(1, 2)).all()
    assert np.array_equal(layer.data[[0, 4]], before[[0, 4]])
    undo_gives(layer, before)
