"""The plugin as napari finds it: menus, sample, and the way to a first result."""

from __future__ import annotations

import numpy as np
import pytest
from gui_kit import SECONDS, said
from gui_kit import library as library
from gui_kit import pace as pace
from gui_kit import viewer as viewer
from napari.layers import Labels

from napari_unet.gui.studio.demo import PLUGIN, open_demo
from napari_unet.services.files.images import open_image
from napari_unet.services.samples import sample_path


def test_napari_lists_the_widgets_under_layers_segment(viewer):
    from napari._app_model import get_app_model

    items = get_app_model().menus.get_menu("napari/layers/segment")
    titles = [item.command.title for item in items if "unet" in str(item.command.id)]
    ours = ("U-Net Studio", "Load U-Net", "Segment", "Annotate", "Fine-tune", "Measure", "Batch")
    assert titles == [f"{t} (U-Net Studio)" for t in ours]


def test_the_sample_opens_with_its_axes_scale_and_unit(viewer):
    (layer,) = viewer.open_sample(PLUGIN, "nuclei")
    image = open_image(sample_path())
    assert np.array_equal(layer.data, image.data[...])
    assert "".join(layer.axis_labels).upper() == image.axes
    assert list(layer.scale) == [image.scale.get(a, 1) for a in image.axes]
    assert str(layer.units[-1]) == image.unit


def test_from_the_sample_to_labels_in_three_clicks(viewer, qtbot):
    (layer,) = viewer.open_sample(PLUGIN, "nuclei")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")
    panel.segment_button.click()
    qtbot.waitUntil(lambda: "Done" in said(panel), timeout=4 * SECONDS)
    (made,) = [x for x in viewer.layers if isinstance(x, Labels)]
    assert made.data.shape == layer.data.shape
    assert np.array_equal(made.scale, layer.scale)
    assert 0.01 < (made.data > 0).mean() < 0.9


@pytest.mark.usefixtures("library", "pace")
def test_the_demo_does_it_by_itself(make_napari_viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari.Viewer", lambda: make_napari_viewer(show=True))
    demo = open_demo(block=False)
    qtbot.waitUntil(lambda: any(isinstance(x, Labels) for x in demo.layers), timeout=2 * SECONDS)
    qtbot.waitUntil(lambda: demo.layers[-1].editable, timeout=4 * SECONDS)
    assert demo.layers[-1].data.any()
