"""*Annotate* where the window itself matters: the dock, keys, the mouse on the canvas, other panels."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import new, press_key
from annotate_kit import objects as objects
from annotate_kit import panel as panel
from finetune_kit import discs, scribbles
from gui_kit import SECONDS, finish_job, said, small_model
from gui_kit import annotate_panel as annotate_panel
from gui_kit import drawn as drawn
from gui_kit import library as library
from gui_kit import pace as pace
from gui_kit import viewer as viewer
from napari.layers import Labels
from vispy.app.canvas import MouseEvent

from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.purpose import KIND


def test_the_panel_fits_a_dock_in_a_small_window(panel, viewer):
    viewer.add_image(np.zeros((3, 20, 30)), name="cells")
    for kind in ("scribbles", "objects"):
        new(panel, kind)
        for fold in (panel.start_fold, panel.review_fold, panel.pages.parts):
            fold.expand(animate=False)
            size = panel.inside.minimumSizeHint()
            assert size.width() <= panel.scroll.viewport().width()
            assert panel.inside.sizeHint().height() < 680
            fold.collapse(animate=False)


def test_keys_are_naparis_own_again_elsewhere_and_afterwards(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    first = new(panel)
    other = viewer.add_labels(np.zeros((20, 30), int), name="other")
    viewer.layers.selection.active = other
    press_key(viewer, "2")
    assert (other.mode, first.selected_label) == ("paint", 1)
    viewer.layers.selection.active = first
    second = new(panel, "objects")
    viewer.layers.selection.active = second
    press_key(viewer, "1")
    assert second.mode == "erase", "digits pick no objects"
    assert not real(first).keymap
    keys = {str(key) for key in real(second).keymap}
    assert keys == {*"AJNXZCOSGDH", "PageDown", "PageUp", "Shift+A"}
    panel.let_go()
    assert not real(second).keymap


def test_the_button_hands_over_image_annotation_and_classes(panel, viewer):
    panel.session.model = small_model()
    viewer.add_image(np.zeros((20, 30)), name="cells")
    layer = new(panel)
    panel.classes.add_button.click()
    panel.classes.table.item(3, 2).setText("membrane")
    viewer.add_image(np.zeros((9, 9)), name="other")
    panel.finetune_button.click()
    from napari_unet.gui.plugin import parts_of

    form = parts_of(viewer).open_panel("Fine-tune").form
    pair = form.pairs.first
    assert (pair.image.layer.name, pair.labels.layer) == ("cells", layer)
    assert form.settings.value().classes == ("cell", "membrane")


def test_tune_quickly_trains_at_once_unless_something_waits_to_be_kept(panel, viewer, qtbot):
    panel.session.model, panel.session.source = small_model(), "small"
    image, inside = discs()
    viewer.add_image(image, name="cells")
    new(panel).data = scribbles(inside)
    from napari_unet.gui.plugin import parts_of

    tune = parts_of(viewer).open_panel("Fine-tune")
    for name, value in {"patch": 32, "batch": 2}.items():
        tune.form.settings[name].value = value
    panel.quick_button.click()
    run = panel.session.training
    assert run.request.options.minutes == 1
    assert run.request.options.patch == 32
    panel.quick_button.click()
    assert "still running" in said(panel)
    qtbot.waitUntil(lambda: run.can_stop, timeout=SECONDS)
    tune.stop_button.click()
    finish_job(panel, qtbot)
    panel.quick_button.click()
    assert panel.session.training is run
    assert run.result is not None


def test_two_themes(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    new(panel)
    for theme in ("light", "dark"):
        viewer.theme = theme
    assert isinstance(panel.annotation.layer, Labels)
    assert panel.annotation.layer.metadata[KIND] == "scribbles"


@pytest.mark.usefixtures("drawn")
def test_a_stroke_over_the_canvas_cuts_and_does_not_move_the_image(objects, panel, viewer):
    """As the mouse does it, from the screen's pixels on."""
    panel.objects.tools["split"].click()
    canvas = getattr(viewer.window, "__wrapped__", viewer.window)._qt_viewer.canvas
    node = canvas.layer_to_visual[real(objects)].node
    events = canvas._scene_canvas.events
    points = [
        node.get_transform("visual", "canvas").map(p)[:2] for p in ((20, 1), (20, 9), (20, 18))
    ]
    press = MouseEvent("mouse_press", pos=points[0], button=1, buttons=[1], modifiers=())
    more = {"button": 1, "modifiers": (), "press_event": press, "last_event": press}
    events.mouse_press(press)
    for point in points[1:]:
        events.mouse_move(MouseEvent("mouse_move", pos=point, buttons=[1], **more))
    events.mouse_release(MouseEvent("mouse_release", pos=points[-1], buttons=[], **more))
    assert set(np.unique(objects.data[5:15, 15:25])) == {2, 6}
    assert np.allclose(node.get_transform("visual", "canvas").map((20, 1))[:2], points[0])
