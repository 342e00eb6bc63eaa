"""OME-Zarr in the window: all levels, lazily, with the labels in it; and back into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.layers import Labels, Layer
from zarr_kit import container, pixels

from napari_unet.gui.files.reader import get_reader
from napari_unet.gui.files.writer import write_labels
from napari_unet.services.files.images import open_image, open_labels
from napari_unet.services.files.save import save_labels

SAMPLES = Path(__file__).parents[2] / "services" / "omezarr" / "samples"


def test_channels_are_layers_of_all_levels_with_colour_scale_and_place():
    path = str(SAMPLES / "ome-zarr-py-0.5.zarr.zip")
    first, second = (Layer.create(*data) for data in get_reader(path)(path))
    assert (first.multiscale, second.multiscale) == (True, True)
    assert [level.shape for level in first.data] == [(3, 16, 20), (3, 8, 10)]
    assert second.name.endswith("GFP")
    assert second.colormap.name == "green"
    assert first.scale.tolist() == [2.0, 0.5, 0.5]
    np.testing.assert_array_equal(np.asarray(second.data[0]), pixels()[1])
    path = str(SAMPLES / "ngff-zarr-0.4.zarr.zip")
    data = get_reader(path)(path)[0]
    assert Layer.create(*data).translate.tolist() == [0.0, 3.0, 4.0]


def test_labels_come_with_the_image_and_corrected_ones_go_back(tmp_path):
    path = container(tmp_path / "a.zarr", pixels()[0, 0], "yx")
    labels = np.arange(320, dtype=np.uint32).reshape(16, 20)
    save_labels(path, labels, open_image(path))
    image, found = (Layer.create(*data) for data in get_reader(str(path))(str(path)))
    assert isinstance(found, Labels)
    found.data[3, 4] = 999
    found.refresh()
    data, attributes, _ = found.as_layer_data_tuple()
    write_labels(str(path), data, attributes)
    assert open_labels(path / "labels" / "segmentation").data[3, 4] == 999
    assert open_image(path).data.shape == image.data.shape
