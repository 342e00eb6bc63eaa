"""Files of labels that need their image, mean something by their colours, or are none."""

from __future__ import annotations

import zipfile

import imagecodecs
import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image as Pillow

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.services.files import roi_labels
from napari_unet.services.files.images import open_image, open_labels
from napari_unet.services.files.labels import find_labels, read_labels

NUMBERS = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30) % 5
IMAGE = Image(np.zeros((20, 30), np.uint8), "YX", name="cells")


def test_three_equal_colours_are_labels_and_unequal_ones_are_not(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.stack([NUMBERS] * 3), photometric="minisblack", metadata={"axes": "CYX"}
    )
    found = read_labels(path, IMAGE).image
    np.testing.assert_array_equal(found.data, NUMBERS)
    other = np.stack([NUMBERS, NUMBERS, NUMBERS + 1])
    tifffile.imwrite(path, other, photometric="minisblack", metadata={"axes": "CYX"})
    assert read_labels(path, IMAGE).image.axes == "CYX"


def test_colours_of_a_png_are_labels_only_if_they_agree(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(np.stack([NUMBERS] * 3, axis=-1)))
    np.testing.assert_array_equal(open_labels(path).data, NUMBERS)
    path.write_bytes(imagecodecs.png_encode(np.stack([NUMBERS, NUMBERS, 1 - NUMBERS], axis=-1)))
    assert open_labels(path).data.shape == (20, 30, 3)


def test_a_cut_palette_is_damage(tmp_path):
    path = tmp_path / "a.png"
    Pillow.fromarray(NUMBERS).convert("P").save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"IDAT") + 6])
    with pytest.raises(UserError, match=r"a\.png is damaged"):
        open_labels(path)
    # nothing but a header
    path.write_bytes(whole[:33])
    image = open_image(path)
    assert len(image.data) == 20
    with pytest.raises(UserError, match=r"a\.png is damaged"):
        image.data[0]
    with pytest.raises(UserError, match=r"b\.png can't be opened"):
        open_image(tmp_path / "b.png")


def test_what_is_no_array_of_labels_is_told(tmp_path):
    for i, content in enumerate([{"flows": []}, np.zeros(3), np.array([["a", "b"]])]):
        path = tmp_path / f"{i}.npy"
        np.save(path, content, allow_pickle=True)
        with pytest.raises(UserError, match="no array of labels, and no masks"):
            read_labels(path)
    with pytest.raises(UserError, match=r"none\.npy"):
        read_labels(tmp_path / "none.npy")


def test_masks_without_an_image_are_planes_of_a_stack(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 5), np.uint16))
    assert read_labels(tmp_path / "a.npy").image.axes == "ZYX"
    # their axes may also be given
    assert read_labels(tmp_path / "a.npy", axes="TYX").image.axes == "TYX"


def outline(offset=2, **position):
    corners = np.array([[0, 0], [0, 6], [6, 6], [6, 0]]) + offset
    roi = roifile.ImagejRoi.frompoints(corners)
    for name, value in position.items():
        setattr(roi, name, value)
    return roi


def test_regions_need_an_image_and_something_on_it(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    roifile.roiwrite(path, [outline()])
    with pytest.raises(UserError, match="Give their images as well"):
        read_labels(path)
    assert np.asarray(read_labels(path, IMAGE).image.data).max() == 1
    roifile.roiwrite(tmp_path / "far.zip", [outline(500)])
    with pytest.raises(UserError, match="holds no regions of interest on cells"):
        read_labels(tmp_path / "far.zip", IMAGE)
    monkeypatch.setattr(roi_labels, "MAX_ROIS", 0)
    with pytest.raises(UserError, match="1 regions, too large"):
        read_labels(path, IMAGE)


def test_a_folder_of_regions_alone_is_one_of_labels(tmp_path):
    roifile.roiwrite(tmp_path / "a.zip", [outline()])
    assert find_labels([tmp_path]) == [tmp_path / "a.zip"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError):
        find_labels([tmp_path / "empty"])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist()
