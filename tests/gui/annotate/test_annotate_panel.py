"""The panel *Annotate*: layers to paint on, classes, what has been checked."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from annotate_kit import new, press_key, record, squares, undo_gives
from annotate_kit import panel as panel
from finetune_kit import discs
from gui_kit import finish_job, said, small_model
from napari.layers import Shapes
from qtpy.QtWidgets import QAbstractButton, QComboBox
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import finetune_panel as finetune_panel
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.layers.annotation_layers import class_names
from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.classes import classes_of
from napari_unet.gui.layers.layer_pair import regions_of
from napari_unet.gui.layers.purpose import kind_of
from napari_unet.gui.layers.result_layer import RECORD


def test_without_an_image_the_controls_say_what_is_missing(panel):
    for control in (
        panel.source.correct_button,
        panel.source.new_button,
        panel.checks.plane_button,
        panel.checks.box_button,
        panel.finetune_button,
        panel.quick_button,
    ):
        assert not control.isEnabled()
        assert "There is no" in control.toolTip()


def test_every_control_explains_itself(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    for kind in ("scribbles", "objects"):
        new(panel, kind)
        controls = [w for t in (QAbstractButton, QComboBox) for w in panel.inside.findChildren(t)]
        assert [w.text() for w in controls if not w.toolTip() and w.isVisibleTo(panel)] == []


@pytest.mark.parametrize("kind", ["scribbles", "classes", "objects"])
def test_a_new_annotation_lies_on_the_image_and_is_ready_to_paint(panel, viewer, kind):
    panel.session.model = small_model(
        activation="softmax",
        classes=("background", "nucleus", "membrane"),
        config={"out_channels": 3},
    )
    image = viewer.add_image(np.zeros((3, 20, 30)), name="cells", scale=(2, 0.5, 0.5))
    layer = new(panel, kind)
    assert layer.data.shape == image.data.shape
    assert np.array_equal(layer.scale, image.scale)
    assert (kind_of(layer), layer.mode, layer.selected_label) == (kind, "paint", 1)
    assert viewer.layers.selection.active == layer
    assert class_names(layer) == (() if kind == "objects" else ("nucleus", "membrane"))
    assert panel.checks.plane_button.isEnabled() == (kind != "scribbles")
    assert panel.groups["objects"].isVisibleTo(panel) == (kind == "objects")
    assert panel.groups["classes"].isVisibleTo(panel) == (kind != "objects")


def test_a_result_of_segment_is_copied_and_stays(panel, segment_panel, viewer, qtbot):
    viewer.add_image(discs()[0], name="cells")
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    result = viewer.layers["cells labels"]
    before = result.data.copy()
    panel.source.correct_button.click()
    layer = panel.annotation.layer
    assert (kind_of(layer), layer.name) == ("classes", "cells labels corrected")
    assert class_names(layer) == ("cell",)
    assert (layer.visible, result.visible) == (True, False)
    assert RECORD not in layer.metadata
    layer.paint((5, 5), 1)
    assert np.array_equal(result.data, before)
    painted = layer.data.copy()
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    assert np.array_equal(layer.data, painted)


def test_what_a_result_holds_is_told_by_its_record_or_its_values(panel, viewer):
    viewer.add_image(np.zeros((40, 60)), name="cells")
    cases = [
        (squares(), record(objects=True), "objects"),
        (squares(), record(objects=False), "classes"),
        (squares(), {}, "classes"),
        (np.arange(2400).reshape(40, 60), {}, "objects"),
    ]
    for data, metadata, kind in cases:
        viewer.layers.selection.active = viewer.add_labels(data, metadata=metadata)
        assert panel.source.result_kind.value == kind
    panel.source.result_kind.value = "classes"
    panel.source.correct_button.click()
    assert "too many labels for classes" in said(panel)
    assert panel.annotation.layer is None


def test_a_result_on_no_image_is_refused(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    viewer.add_labels(np.ones((20, 15), int), name="part")
    panel.source.correct_button.click()
    assert "covers none of the images" in said(panel)
    assert panel.annotation.layer is None


def test_a_result_that_is_being_filled_is_not_copied_yet(panel, viewer):
    viewer.add_image(np.zeros((40, 60)), name="cells")
    viewer.add_labels(squares(), metadata=record(objects=True)).editable = False
    panel.source.correct_button.click()
    assert "still being filled in" in said(panel)
    assert panel.annotation.layer is None


def test_labels_on_the_disk_are_copied_into_memory(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    stored = zarr.array(np.ones((20, 30), np.uint8), chunks=(10, 10))
    viewer.add_labels(stored, name="stored")
    panel.source.correct_button.click()
    assert isinstance(panel.annotation.layer.data, np.ndarray)


def test_classes_are_picked_by_clicks_and_keys_and_the_brush_is_ready(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    layer = new(panel)
    rows = [panel.classes.table.item(i, 2).text() for i in range(panel.classes.count)]
    assert rows == ["unlabelled", "background", "foreground"]
    layer.mode = "pan_zoom"
    panel.classes.table.itemClicked.emit(panel.classes.table.item(2, 2))
    assert (layer.selected_label, layer.mode) == (2, "paint")
    layer.mode = "pan_zoom"
    press_key(viewer, "1")
    assert (layer.selected_label, layer.mode) == (1, "paint")
    assert panel.classes.table.currentRow() == 1
    press_key(viewer, "7")
    assert layer.selected_label == 1, "there is no such class"
    assert layer.mode == "paint"


def test_classes_get_other_names_and_colours(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    layer = new(panel)
    panel.classes.table.item(2, 2).setText(" nucleus ")
    panel.classes.add_button.click()
    panel.classes.table.item(3, 2).setText("membrane")
    assert class_names(layer) == ("nucleus", "membrane")
    assert layer.selected_label == 3
    panel.classes.table.item(3, 2).setText("nucleus")
    assert "have this name" in said(panel)
    assert panel.classes.table.item(3, 2).text() == "membrane"
    from napari_unet.gui.layers.classes import recolour

    recolour(layer, 3, (1, 0, 0, 1))
    assert np.allclose(layer.get_color(3), (1, 0, 0, 1))
    colours = [c.colour for c in classes_of(layer)]
    assert len(set(colours)) == 4
    assert colours[0][3] == 0


def test_a_class_that_goes_takes_its_paint_and_comes_back_with_it(panel, viewer):
    viewer.add_image(np.zeros((2, 20, 30)), name="cells")
    layer = new(panel)
    panel.classes.table.item(2, 2).setText("nucleus")
    panel.classes.add_button.click()
    panel.classes.table.item(3, 2).setText("membrane")
    layer.data[0, 2:4], layer.data[1, 5:8] = 2, 3
    layer.refresh()
    before, colours = layer.data.copy(), [c.colour for c in classes_of(layer)]
    panel.pick(2)
    panel.classes.remove_button.click()
    assert class_names(layer) == ("membrane",)
    assert np.array_equal(layer.data, np.where(before == 2, 0, np.where(before == 3, 2, before)))
    assert classes_of(layer)[2].colour == colours[3]
    assert "only class" in panel.classes.remove_button.toolTip()
    undo_gives(layer, before)
    assert class_names(layer) == ("nucleus", "membrane")
    assert [c.colour for c in classes_of(layer)] == colours
    layer.redo()
    assert class_names(layer) == ("membrane",)
    for value in (0, 1, 2):
        panel.pick(value)
        assert not panel.classes.remove_button.isEnabled()


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "ZCYX"])
def test_checked_planes_become_the_region(panel, viewer, axes):
    sizes = {"Z": 4, "C": 2, "Y": 20, "X": 30}
    image = np.zeros([sizes[a] for a in axes])
    labels = tuple(a.lower() for a in axes)
    source = viewer.add_image(image, name="cells", axis_labels=labels, scale=[0.5] * len(axes))
    layer = new(panel, "classes")
    if "Z" in axes:
        viewer.dims.set_current_step(0, 2)
    panel.checks.plane_button.click()
    shapes = checked_layer(viewer, source)
    assert (shapes.name, len(shapes.data)) == ("cells checked", 1)
    assert viewer.layers.selection.active == layer
    (region,) = regions_of(shapes, *panel.source.chosen())
    assert region.mask((20, 30)).window(slice(0, 20), slice(0, 30)).all()
    assert region.spans == ({"Z": (2, 3)} if "Z" in axes else {})


def test_a_checked_box_is_drawn_into_the_same_layer(panel, viewer):
    source = viewer.add_image(np.zeros((4, 20, 30)), name="cells")
    new(panel, "objects")
    panel.checks.plane_button.click()
    panel.checks.box_button.click()
    shapes = checked_layer(viewer, source)
    assert viewer.layers.selection.active == shapes
    assert shapes.mode == "add_rectangle"
    assert len([x for x in viewer.layers if isinstance(x, Shapes)]) == 1
    panel.objects.next_button.click()
    assert viewer.layers.selection.active == panel.annotation.layer


def test_fine_tune_takes_annotation_and_checked_region(panel, viewer, request):
    source = viewer.add_image(np.zeros((4, 20, 30)), name="cells")
    scribbles = new(panel)
    layer = new(panel, "objects")
    panel.checks.plane_button.click()
    viewer.add_labels(np.zeros((4, 20, 30), int), name="on top")
    pair = request.getfixturevalue("finetune_panel").form.pairs.first
    assert (pair.image.layer, pair.labels.layer) == (source, layer)
    assert pair.kind.value == "objects"
    assert pair.region.layer == checked_layer(viewer, source)
    pair.labels.choose(scribbles)
    assert pair.region.layer is None
    pair.labels.choose(layer)
    assert pair.region.layer is not None
    pair.region.value = None
    pair.region.native.activated.emit(0)
    pair.labels.choose(scribbles)
    pair.labels.choose(layer)
    assert pair.region.layer is None, "somebody has chosen otherwise"


def test_fine_tune_knows_what_a_result_holds(viewer, finetune_panel):
    viewer.add_image(np.zeros((40, 60)), name="cells")
    viewer.add_labels(squares(), metadata=record(objects=True))
    assert finetune_panel.form.pairs.first.kind.value == "objects"


def test_a_region_is_suggested_also_when_it_is_marked_later(panel, viewer, finetune_panel):
    source = viewer.add_image(np.zeros((20, 30)), name="cells")
    form = finetune_panel.form
    layer = new(panel, "classes")
    assert form.pairs.first.labels.layer == layer
    assert form.pairs.first.region.layer is None
    panel.checks.plane_button.click()
    assert form.pairs.first.region.layer == checked_layer(viewer, source)


def test_layers_that_go_and_come_leave_the_panel_in_order(panel, viewer):
    source = viewer.add_image(np.zeros((3, 20, 30)), name="cells")
    first, second = new(panel), new(panel, "objects")
    panel.objects.tools["merge"].click()
    second.name = "renamed"
    assert panel.annotation.current_choice == "renamed"
    viewer.layers.remove(second)
    assert panel.annotation.layer == first
    first.data = np.ones((3, 20, 30), np.uint8)
    first.features = {}
    assert panel.classes.count == 2
    viewer.layers.remove(source)
    panel.checks.plane_button.click()
    panel.finetune_button.click()
    assert "covers none of the images" in said(panel)
    viewer.layers.clear()
    assert panel.annotation.layer is None
    assert panel.classes.count == 0
    panel.pick(1)
    panel.objects.take_next()


def test_checks_go_to_the_image_that_the_annotation_is_of(panel, viewer):
    first = viewer.add_image(np.zeros((20, 30)), name="first")
    new(panel, "classes")
    second = viewer.add_image(np.zeros((20, 30)), name="second")
    viewer.layers.selection.active = second
    panel.checks.plane_button.click()
    assert checked_layer(viewer, second) is None
    assert len(checked_layer(viewer, first).data) == 1
