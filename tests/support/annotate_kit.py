"""What the tests of *Annotate* share: objects to correct, and a mouse."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.key_bindings import KeymapHandler

from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.result_layer import RECORD


@pytest.fixture
def panel(annotate_panel):
    """The panel Annotate."""
    return annotate_panel


def new(panel, kind="scribbles"):
    """Make a new annotation."""
    panel.source.new_kind.value = kind
    panel.source.new_button.click()
    return panel.annotation.layer


def press_key(viewer, key):
    """Press a key while the mouse is over the image; returns whether it means anything."""
    window = getattr(viewer, "window", None)
    if window is not None:
        return getattr(window, "__wrapped__", window)._qt_viewer._key_map_handler.press_key(key)
    handler = KeymapHandler()
    handler.keymap_providers = [viewer.layers.selection.active, viewer]
    return handler.press_key(key)


def drag(layer, *points):
    """Press the mouse at the first point, in the layer's data, move to the others, and release it."""
    layer = real(layer)

    def event(kind, point):
        position = layer.data_to_world(point)
        return SimpleNamespace(
            type=kind, button=1, position=position, pos=np.array(position[-2:]) * 10
        )

    current = event("mouse_press", points[0])
    running = []
    for callback in list(layer.mouse_drag_callbacks):
        generator = callback(layer, current)
        if generator is not None and next(generator, running) is not running:
            running.append(generator)
    for kind, point in [*(("mouse_move", p) for p in points[1:]), ("mouse_release", points[-1])]:
        vars(current).update(vars(event(kind, point)))
        for generator in running:
            next(generator, None)


def squares():
    """Two objects side by side that touch, and one with a hole, with numbers 1, 2 and 5."""
    labels = np.zeros((40, 60), np.uint32)
    labels[5:15, 5:15] = 1
    labels[5:15, 15:25] = 2
    labels[20:35, 30:50] = 5
    labels[25:30, 36:42] = 0
    return labels


@pytest.fixture
def objects(panel, viewer):
    """Objects ready to be corrected, over an image of one plane."""
    viewer.add_image(np.zeros((40, 60)), name="cells", scale=(0.5, 0.5))
    viewer.add_labels(squares(), name="found", scale=(0.5, 0.5), metadata=record(objects=True))
    panel.source.correct_button.click()
    return panel.annotation.layer


def record(*, objects):
    """Metadata of a result of Segment."""
    purpose = {"title": "objects", "objects": objects}
    return {RECORD: {"purpose": purpose, "complete": True, "checksum": 1}}


def undo_gives(layer, before):
    """One Ctrl-Z brings back what was there, and one redo the edit."""
    edited = layer.data.copy()
    layer.undo()
    assert np.array_equal(layer.data, before)
    layer.redo()
    assert np.array_equal(layer.data, edited)
    layer.undo()
