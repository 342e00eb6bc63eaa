"""The window reads files as the command line does."""

from __future__ import annotations

import json

import imagecodecs
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Layer
from networks import model_of
from places import SHARED

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.gui.files import reader
from napari_unet.gui.files.reader import get_reader
from napari_unet.gui.layers.calibration import adopt_file_scale, decline_file_scale
from napari_unet.gui.layers.images import image_of, likely_axes
from napari_unet.services.files.images import open_image, series_count
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

ZOO = SHARED / "tiff-zoo"
RNG = np.random.default_rng(6)
STACK = RNG.integers(0, 60000, (2, 3, 40, 50), np.uint16)
GREY = {"photometric": "minisblack"}
HOLES = STACK[0, 0].astype(np.float32)
HOLES[4:9, 5:20] = -3.4e38
FILES = {
    "plain": (STACK[0, 0], GREY),
    "imagej": (
        STACK[0],
        {
            "imagej": True,
            "resolution": (2, 2),
            "metadata": {"axes": "ZYX", "unit": "um", "spacing": 2},
        },
    ),
    "ome channels": (
        STACK,
        {"ome": True, "metadata": {"axes": "CZYX", "Channel": {"Name": ["DAPI", "GFP"]}}, **GREY},
    ),
    "time": (STACK, {"imagej": True, "metadata": {"axes": "TZYX", "finterval": 3.0}}),
    "rgb": ((STACK[0] >> 8).astype(np.uint8).transpose(1, 2, 0), {"photometric": "rgb"}),
    "two last channels": (STACK[:, 0].transpose(1, 2, 0), GREY),
    "inverted": ((STACK[0, 0] >> 8).astype(np.uint8), {"photometric": "miniswhite"}),
    "no data": (HOLES, GREY),
    "no data tag": (
        STACK[0, 0].astype(np.int32) % 999,
        {"extratags": [(42113, "s", 0, "7", True)], **GREY},
    ),
}
MODEL = model_of(
    UNetConfig.classic(base=2, depth=1),
    activation="sigmoid",
    normalization=Normalization(),
    pixel_size=(0.8, 0.8),
)
OPTIONS = SegmentOptions(device="cpu", precision="float32")


def layers_of(path):
    read = get_reader(str(path))
    return [Layer.create(*data) for data in read(str(path))]


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("kind", FILES)
def test_window_and_command_line_give_equal_labels(tmp_path, kind, eager, monkeypatch):
    if not eager:
        monkeypatch.setattr(reader, "EAGER_BYTES", 0)
    pixels, how = FILES[kind]
    path = tmp_path / "a.ome.tif" if how.get("ome") else tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, **how)
    image = open_image(path)
    layers = layers_of(path)
    channels = image.n_channels if "C" in image.axes else 1
    assert len(layers) == channels
    for channel, layer in enumerate(layers):
        seen = image_of(layer, likely_axes(layer))
        expected = dict(image.scale)
        assert {a: seen.scale[a] for a in expected} == pytest.approx(expected)
        chosen = (channel,) if "C" in image.axes else None
        options = OPTIONS.model_copy(update={"channels": chosen})
        of_file = finish(segment(image, MODEL, options)).labels
        of_layer = finish(segment(seen, MODEL, OPTIONS)).labels
        np.testing.assert_array_equal(of_layer, of_file)


@pytest.mark.skipif(not ZOO.is_dir(), reason="the collection of TIFF files is not here")
def test_layers_are_what_the_command_line_reads_of_every_kind_of_tiff():
    checked = 0
    for entry in json.loads((ZOO / "catalog.json").read_text()):
        path = ZOO / entry["path"]
        try:
            images = [open_image(path, series=i) for i in range(series_count(path))]
            if sum(int(np.prod(image.data.shape)) for image in images) > 2e5:
                continue
            pixels = [np.asarray(image.data[...]) for image in images]
        except UserError:
            continue
        layers = iter(layers_of(path))
        for image, whole in zip(images, pixels):
            for channel in range(image.sizes.get("C", 1)):
                seen = next(layers)
                seen = image_of(seen, likely_axes(seen))
                wanted = whole.take(channel, image.axes.index("C")) if "C" in image.axes else whole
                assert seen.axes == image.axes.replace("C", ""), path
                np.testing.assert_array_equal(np.asarray(seen.data), wanted)
                for axis in set(image.scale) & set("ZYX"):
                    assert seen.scale[axis] == pytest.approx(image.scale[axis]), path
        assert next(layers, None) is None
        checked += 1
    assert checked > 50


def test_channels_are_layers_of_their_names(tmp_path):
    pixels, how = FILES["ome channels"]
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, **how)
    layers = layers_of(tmp_path / "a.ome.tif")
    assert [layer.name for layer in layers] == ["a DAPI", "a GFP"]
    assert [layer.blending for layer in layers] == ["additive", "additive"]
    assert len({layer.colormap.name for layer in layers}) == 2
    assert layers[0].axis_labels == ("z", "y", "x")


def test_channels_have_the_colours_that_the_file_states(tmp_path):
    ome = {"axes": "CYX", "Channel": {"Name": ["a", "b"], "Color": [-16776961, 335479039]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0, :2], ome=True, metadata=ome, **GREY)
    one, other = layers_of(tmp_path / "a.ome.tif")
    assert one.colormap.name == "red"
    np.testing.assert_allclose(other.colormap.colors[-1], (0x13 / 255, 1, 0, 1), atol=1e-3)


def test_each_image_of_a_file_is_a_layer(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(STACK[0, 0], **GREY)
        file.write(STACK[0, 0, :20], **GREY)
    assert [layer.data.shape for layer in layers_of(tmp_path / "a.tif")] == [(40, 50), (20, 50)]
    assert series_count(tmp_path / "a.tif") == 2


def test_pictures_are_read_and_other_files_left_alone(tmp_path):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(STACK[0, 0]))
    (layer,) = layers_of(tmp_path / "a.png")
    np.testing.assert_array_equal(layer.data, STACK[0, 0])
    assert get_reader(str(tmp_path / "notes.txt")) is None
    assert get_reader([str(tmp_path / "a.png")] * 2) is None


def test_a_layer_without_scale_gets_that_of_its_file_and_gives_it_back(tmp_path):
    pixels, how = FILES["imagej"]
    tifffile.imwrite(tmp_path / "a.tif", pixels, **how)
    viewer = ViewerModel()
    layer = viewer.add_image(pixels, name="a")
    layer._source = layer.source.model_copy(update={"path": str(tmp_path / "a.tif")})
    painted = viewer.add_labels(np.zeros(pixels.shape, np.uint8))
    assert adopt_file_scale(viewer, layer, "ZYX")
    assert tuple(layer.scale) == tuple(painted.scale) == (2, 0.5, 0.5)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    decline_file_scale(viewer, layer)
    assert tuple(layer.scale) == tuple(painted.scale) == (1, 1, 1)
    assert not adopt_file_scale(viewer, layer, "ZYX")


def test_a_scale_that_somebody_gave_stays():
    viewer = ViewerModel()
    layer = viewer.add_image(STACK[0], scale=(3, 1, 1))
    assert isinstance(layer, Image)
    assert not adopt_file_scale(viewer, layer, "ZYX")
