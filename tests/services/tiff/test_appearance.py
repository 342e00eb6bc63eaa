"""Images as they look, labels as they are stored, and the "no data" tag."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.core.image.frames import frames
from napari_unet.services.files.images import open_image, open_labels

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_where_0_is_white_images_are_inverted_but_not_labels(tmp_path, dtype):
    light = RNG.integers(0, 2 if dtype is bool else 200, (20, 30)).astype(dtype)
    top = 1 if dtype is bool else np.iinfo(dtype).max
    stored = ~light if dtype is bool else top - light
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, stored, photometric="miniswhite")
    image = open_image(path)
    assert image.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.data[3:9, 2:8], light[3:9, 2:8])
    np.testing.assert_array_equal(np.asarray(image.data), light)
    np.testing.assert_array_equal(np.asarray(open_labels(path).data), stored)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_become_light(tmp_path, dtype):
    top = np.iinfo(dtype).max
    inks = np.zeros((4, 5, 4), dtype)
    inks[0, 0] = (top, 0, 0, 0)  # cyan
    inks[1, 1] = (0, 0, 0, top)  # black
    inks[2, 2] = (0, top, top, 0)  # red
    tifffile.imwrite(tmp_path / "print.tif", inks, photometric="separated")
    image = open_image(tmp_path / "print.tif")
    assert image.sizes == {"Y": 4, "X": 5, "S": 3}
    assert image.data[0, 0].tolist() == [0, top, top]
    assert image.data[1, 1].tolist() == [0, 0, 0]
    assert image.data[..., 0][2].tolist() == [top] * 5
    assert image.data[3, 3, 1:].tolist() == [top, top]


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_the_no_data_tag_is_read(tmp_path, dtype):
    pixels = RNG.integers(0, 99, (20, 30)).astype(dtype)
    pixels[4, 5] = -9999
    tag = (42113, "s", 0, "-9999", True)
    tifffile.imwrite(tmp_path / "map.tif", pixels, extratags=[tag])
    (frame,) = frames(open_image(tmp_path / "map.tif"), "YX", [0])
    missing = np.isnan(frame.read((slice(0, 20), slice(0, 30))))
    assert np.argwhere(missing).tolist() == [[0, 4, 5]]


@pytest.mark.parametrize("n", [3, 4])
def test_colours_stored_plane_by_plane_come_last(tmp_path, n):
    colours = RNG.integers(0, 255, (n, 20, 30), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", planarconfig="separate")
    image = open_image(tmp_path / "a.tif")
    assert image.axes == "YXS"
    expected = np.moveaxis(colours, 0, -1)
    np.testing.assert_array_equal(np.asarray(image.data), expected)
    np.testing.assert_array_equal(image.data[3:9, 4], expected[3:9, 4])
    np.testing.assert_array_equal(image.data[3, :, 1:], expected[3, :, 1:])
    np.testing.assert_array_equal(image.data[..., 2], expected[..., 2])


def test_samples_that_are_no_colours_are_channels(tmp_path):
    samples = RNG.integers(0, 255, (20, 30, 3), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="minisblack", planarconfig="contig", metadata=None
    )
    assert open_image(tmp_path / "a.tif").axes == "YXC"
