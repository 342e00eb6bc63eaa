"""Objects edited while no tool is taken up: clicks with a key held, outlines, keys, and planes to do."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from annotate_kit import drag, new, press_key, squares, undo_gives
from annotate_kit import objects as objects
from annotate_kit import panel as panel
from gui_kit import said
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.editing import real


def click(layer, spot, held, far=0):
    """Press the mouse with a key held, move it, and release it, as napari does."""
    layer = real(layer)
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        position=layer.data_to_world(spot),
        pos=np.zeros(2),
        modifiers=(held,),
        dims_displayed=[0, 1],
        dims_point=[0, 0],
        view_direction=None,
    )
    running = []
    for callback in layer.mouse_drag_callbacks:
        generator = callback(layer, event)
        if hasattr(generator, "send"):
            next(generator)
            running.append(generator)
    for kind, pos in (("mouse_move", far), ("mouse_release", far)):
        event.type, event.pos = kind, np.full(2, float(pos))
        for generator in running:
            next(generator, None)


@pytest.mark.parametrize("mode", ["pan_zoom", "paint"])
def test_a_click_with_ctrl_deletes_and_two_with_alt_merge(panel, objects, mode):
    before = squares()
    objects.mode = mode
    click(objects, (8, 8), "Control")
    assert np.array_equal(objects.data, np.where(before == 1, 0, before)), "and nothing is painted"
    undo_gives(objects, before)
    click(objects, (8, 20), "Alt")
    click(objects, (22, 32), "Alt")
    assert np.array_equal(objects.data, np.where(before == 5, 2, before))
    undo_gives(objects, before)
    click(objects, (8, 8), "Control", far=50)
    assert np.array_equal(objects.data, before), "the view was moved"
    click(objects, (0, 0), "Control")
    assert "no object under the mouse" in said(panel)


def test_the_brush_paints_as_before_after_such_a_click(objects):
    callbacks = list(real(objects).mouse_drag_callbacks)
    click(objects, (8, 8), "Control")
    assert real(objects).mouse_drag_callbacks == callbacks


def test_a_closed_outline_becomes_an_object_of_its_own(panel, objects):
    before = objects.data.copy()
    panel.objects.tools["outline"].click()
    drag(objects, (2, 2), (2, 27), (18, 27), (18, 2))
    inside = np.zeros(before.shape, bool)
    inside[2:19, 2:28] = True
    assert np.array_equal(objects.data, np.where(inside & (before == 0), 6, before))
    undo_gives(objects, before)


def test_keys_take_tools_up_and_show_and_hide(panel, objects, viewer):
    viewer.layers.selection.active = objects
    for key, name in {"o": "outline", "s": "split", "g": "merge", "d": "delete"}.items():
        press_key(viewer, key)
        assert [n for n, t in panel.objects.tools.items() if t.isChecked()] == [name]
    press_key(viewer, "d")
    assert not any(t.isChecked() for t in panel.objects.tools.values())
    press_key(viewer, "x")
    assert objects.contour
    press_key(viewer, "x")
    assert not objects.contour
    press_key(viewer, "z")
    assert not objects.visible
    press_key(viewer, "z")
    assert objects.visible


def test_planes_are_checked_unchecked_and_gone_through(panel, viewer):
    source = viewer.add_image(np.zeros((4, 20, 30)), name="cells")
    new(panel, "classes")
    viewer.dims.set_current_step(0, 1)
    panel.checks.plane_button.click()
    assert len(checked_layer(viewer, source).data) == 1
    viewer.dims.set_current_step(0, 0)
    press_key(viewer, "PageDown")
    assert viewer.dims.current_step[0] == 2, "the one between was checked"
    press_key(viewer, "PageUp")
    assert viewer.dims.current_step[0] == 0
    press_key(viewer, "PageUp")
    assert "Nothing that way is left to check" in said(panel)
    viewer.dims.set_current_step(0, 1)
    panel.checks.plane_button.click()
    assert len(checked_layer(viewer, source).data) == 0
    assert "no longer" in said(panel)


def test_what_begins_an_annotation_is_folded_away_once_there_is_one(panel, objects):
    assert not panel.start_fold.isExpanded()
    assert panel.finetune_button.isVisibleTo(panel)
    assert not panel.correct_button.isVisibleTo(panel)
