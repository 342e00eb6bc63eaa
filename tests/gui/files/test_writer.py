"""Labels saved from napari keep axes, scale and unit, and say what made them."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
import tifffile
from gui_kit import finish_job, small_model
from napari.layers import Labels
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.model.file import save_model
from napari_unet.core.progress import finish
from napari_unet.gui.files.reader import read_layers
from napari_unet.gui.files.writer import record_of, write_labels
from napari_unet.services.commands.made_by import command_again
from napari_unet.services.files.images import find_images, open_labels
from napari_unet.services.files.provenance import read_record
from napari_unet.services.segmentation.batch import segment_files
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.tasks import make_tasks

NUMBERS = np.random.default_rng(1).integers(0, 400, (3, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_axes_scale_and_unit_are_kept(tmp_path, name):
    layer = Labels(
        NUMBERS,
        scale=(2, 0.5, 0.25),
        units=("um", "um", "um"),
        axis_labels=("z", "y", "x"),
    )
    data, attributes, _ = layer.as_layer_data_tuple()
    path = str(tmp_path / name)
    assert write_labels(path, data, attributes) == [path]
    labels = open_labels(path)
    np.testing.assert_array_equal(np.asarray(labels.data), NUMBERS)
    assert labels.axes == "ZYX"
    assert (labels.unit, dict(labels.scale)) == (
        "micrometer",
        pytest.approx({"Z": 2, "Y": 0.5, "X": 0.25}),
    )
    assert read_record(tmp_path / name)["by"] == "paint"


def test_a_result_saved_in_the_window_is_the_command_line_s(tmp_path, segment_panel, viewer, qtbot):
    model = small_model()
    save_model(model, tmp_path / "net.safetensors")
    pixels = np.random.default_rng(2).integers(0, 60000, (40, 50), np.uint16)
    tifffile.imwrite(
        tmp_path / "cells.tif", pixels, imagej=True, resolution=(2, 2), metadata={"unit": "um"}
    )
    (data,) = read_layers(str(tmp_path / "cells.tif"))
    viewer.add_image(data[0], **data[1])
    segment_panel.session.use(model, str(tmp_path / "net.safetensors"))
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (layer,) = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    segment_panel.save_button.save(layer, tmp_path / "window.tif")
    tasks = make_tasks(
        find_images([tmp_path / "cells.tif"]), tmp_path / "line.tif", into_folder=False
    )
    source = str(tmp_path / "net.safetensors")
    (outcome,) = finish(segment_files(tasks, model, SegmentOptions(), model_source=source))
    assert outcome.error is None
    window, line = (open_labels(tmp_path / name) for name in ("window.tif", "line.tif"))
    np.testing.assert_array_equal(np.asarray(window.data), np.asarray(line.data))
    assert (window.axes, dict(window.scale), window.unit) == (
        line.axes,
        dict(line.scale),
        line.unit,
    )
    assert "segment" in command_again(tmp_path / "window.tif")
    layer.data[3, 4] = 1 - layer.data[3, 4]
    assert record_of(layer)["edited"]


def test_the_command_for_a_channel_of_a_file_names_it(tmp_path, segment_panel, viewer, qtbot):
    model = small_model()
    save_model(model, tmp_path / "net.safetensors")
    pixels = np.random.default_rng(2).integers(0, 60000, (2, 40, 50), np.uint16)
    tifffile.imwrite(tmp_path / "cells.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    for data in read_layers(str(tmp_path / "cells.tif")):
        viewer.add_image(data[0], **data[1])
    segment_panel.session.use(model, str(tmp_path / "net.safetensors"))
    segment_panel.image.layers.choose(viewer.layers["cells 1"])
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: segment_panel._last is not None, timeout=60_000)
    run, source = segment_panel._last
    words = shlex.split(run.command(source))
    assert words[words.index("--channel") + 1] == "1"
    assert words[2] == str(tmp_path / "cells.tif")
