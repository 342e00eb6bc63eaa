"""Public cases of trouble at the edges: what an image means, by the objects that are found in it."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tifffile
from places import SHARED

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.image.statistics import measure
from napari_unet.core.progress import finish
from napari_unet.services.files.images import find_images, open_image
from napari_unet.services.library import Library
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.segmentation.tasks import make_tasks

CASES = SHARED.parent / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the public cases are not here")


@functools.cache
def nuclei():
    return finish(Library().load("nuclei-fluorescence"))


@functools.cache
def segmented(name):
    return finish(segment(open_image(CASES / name), nuclei()))


def test_a_hot_pixel_changes_nothing_else():
    clean, hot = segmented("08_clean.tif"), segmented("08_one_hot_pixel.tif")
    assert clean.labels.max() == hot.labels.max() == 10
    where = np.argwhere((clean.labels > 0) != (hot.labels > 0))
    assert (np.abs(where - (30, 200)) <= 2).all()


def test_no_data_is_told_and_background():
    result = segmented("03_nodata_float32_small.tif")
    stored = tifffile.imread(CASES / "03_nodata_float32_small.tif")
    assert result.labels.max() == 10
    assert not result.labels[stored < -1e38].any()
    told = f"{(stored < -1e38).sum():,} pixels without data"
    assert any(note.startswith(told) for note in result.notes)


def test_an_outlier_leaves_the_others_as_they_are():
    found = []
    for name in ("03_outlier_float32_2304.tif", "03_outlier_none.tif"):
        image = open_image(CASES / name)
        affine = finish(measure(Normalization(), frames(image, "YX", [0])))
        found.append(affine(np.asarray(image.data[600:900, 600:900])[None]))
    np.testing.assert_allclose(*found, atol=1e-4)


def test_72_dots_per_inch_are_no_pixel_size():
    assert open_image(CASES / "18_inch72.tif").unit == "pixel"


def test_two_channels_behind_y_and_x():
    image = open_image(CASES / "05_yxc2.tif")
    assert image.axes == "YXC"
    assert finish(segment(image, nuclei())).labels.max() == 10


def test_files_of_one_data_set_are_one_image():
    (path,) = find_images([CASES / "07_multifile"])
    assert find_images(sorted((CASES / "07_multifile").iterdir())) == [path]
    assert open_image(path).sizes == {"Z": 3, "Y": 256, "X": 256}


@pytest.mark.parametrize("name", ["06_pages_unequal.tif", "06_two_series.ome.tif"])
def test_no_image_of_a_file_is_left_out(name, tmp_path):
    tasks = make_tasks([CASES / name], tmp_path / "out", into_folder=False)
    assert [task.series for task in tasks] == [0, 1]
    assert len({task.labels for task in tasks}) == 2
    with pytest.raises(UserError, match="several images"):
        make_tasks([CASES / name], tmp_path / "out.tif", into_folder=False)
    (chosen,) = make_tasks([CASES / name], tmp_path / "out.tif", into_folder=False, series=1)
    assert chosen.series == 1


def test_blue_nuclei_of_an_rgb_image_are_found():
    result = segmented("04_rgb_blue.tif")
    true = tifffile.imread(CASES / "04_rgb_blue_labels.tif")
    assert result.labels.max() == true.max() == 10
    assert ((result.labels > 0) & (true > 0)).sum() / ((result.labels > 0) | (true > 0)).sum() > 0.8
    assert "seen as luminance" in result.notes[0]
