"""Zarr containers that say little: plain arrays, zipped folders, axes of other names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr_kit import container, pixels

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.services.files.images import open_image
from napari_unet.services.files.save import save_labels
from napari_unet.services.omezarr.images import open_zarr


def array(path, names=None):
    made = zarr.create_array(str(path), shape=(3, 16, 20), dtype="u2", dimension_names=names)
    made[...] = pixels()[0]
    return path


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (("time", "y", "x"), "TYX"),
        (None, "ZYX"),
        (("x", "x", "y"), "ZYX"),
        (("z", None, "x"), "ZYX"),
    ],
)
def test_a_plain_array_has_the_axes_it_names_or_the_usual_ones(tmp_path, names, axes):
    image = open_image(array(tmp_path / "a.zarr", names))
    assert image.axes == axes
    np.testing.assert_array_equal(image.data[...], pixels()[0])


def test_an_array_in_a_group_that_is_no_image(tmp_path):
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    array(tmp_path / "a.zarr" / "raw", ("z", "y", "x"))
    image = open_image(f"{tmp_path}/a.zarr/raw")
    assert image.axes == "ZYX"
    np.testing.assert_array_equal(image.data[1], pixels()[0, 1])


def zipped(folder, path, inside=""):
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                archive.write(each, f"{inside}{each.relative_to(folder)}")
    return path


def test_a_zip_may_hold_the_folder_or_what_is_in_it(tmp_path):
    made = container(tmp_path / "a.zarr", pixels(), "czyx")
    for i, inside in enumerate(["", "a.zarr/"]):
        image = open_image(zipped(made, tmp_path / f"{i}.zarr.zip", inside))
        np.testing.assert_array_equal(image.data[1], pixels()[1])
    with pytest.raises(UserError, match="There is no image at"):
        open_image(tmp_path / "none.zarr.zip")


def test_levels_and_images_that_there_are_not(tmp_path):
    found = open_zarr(container(tmp_path / "a.zarr", pixels(), "czyx"))
    with pytest.raises(UserError, match="has no level 3"):
        found.image(level=3)
    with pytest.raises(UserError, match="has no image number 2"):
        open_zarr(tmp_path / "a.zarr", series=2)


def test_axes_of_other_names_keep_apart(tmp_path):
    made = container(tmp_path / "a.zarr", pixels()[0][None, None], ["angle", "area", "z", "y", "x"])
    image = open_image(made, axes=None)
    assert image.axes.endswith("ZYX")
    assert len(set(image.axes)) == len(image.axes)


def test_without_the_plug_in_of_an_address_its_package_is_named(monkeypatch):
    def lacking(*_, **__):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(zarr.storage.FsspecStore, "from_url", lacking)
    with pytest.raises(UserError, match="pip install fsspec aiohttp s3fs"):
        open_image("s3://bucket/a.zarr")


def test_labels_keep_interval_and_place_of_their_image(tmp_path):
    scale = {"T": 3.0, "Y": 0.5, "X": 0.5}
    image = Image(np.zeros((2, 16, 20)), "TYX", scale, "micrometer", offset={"Y": 4.0})
    labels = np.zeros((2, 16, 20), np.uint16)
    labels[1, 3:6, 4:9] = 7
    save_labels(tmp_path / "labels.zarr", labels, image)
    found = open_image(tmp_path / "labels.zarr")
    np.testing.assert_array_equal(found.data[...], labels)
    assert (found.scale, found.offset) == (scale, {"Y": 4.0})
    group = zarr.open_group(str(Path(tmp_path / "labels.zarr")), mode="r")
    (axis, *_) = dict(group.attrs)["ome"]["multiscales"][0]["axes"]
    assert axis == {"name": "t", "type": "time", "unit": "second"}
