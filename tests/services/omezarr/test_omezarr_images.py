"""OME-Zarr images as other programs write them, and what is wrong with some."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr_kit import container, pixels

from napari_unet.core.errors import UserError
from napari_unet.services.files.images import find_images, open_image, series_count
from napari_unet.services.omezarr.images import open_zarr

SAMPLES = Path(__file__).parent / "samples"
"""Written by tests/services/omezarr/make_samples.py with the programs that they are named after."""


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.zip")), ids=lambda p: p.name[:-9])
def test_samples_of_other_programs_open_with_axes_scale_and_channels(path):
    image = open_image(path)
    assert image.axes == "CZYX"
    assert image.scale == {"Z": 2.0, "Y": 0.5, "X": 0.5}
    assert image.unit == "micrometer"
    np.testing.assert_array_equal(image.data[...], pixels())
    np.testing.assert_array_equal(image.data[1, :, 3:5], pixels()[1, :, 3:5])
    second = open_image(path, level=1)
    assert second.data.shape == (2, 3, 8, 10)
    assert second.scale["X"] == 1.0
    if not path.name.startswith("ngff"):
        # that program writes no channels here
        assert image.channel_names == ("DAPI", "GFP")
        assert [c.colour for c in open_zarr(path).channels] == ["#0000FF", "#00FF00"]
    else:
        assert image.offset == {"Y": 3.0, "X": 4.0}


def test_what_fsspec_reads_opens_as_well(tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    container(tmp_path / "a.zarr", pixels(), "czyx")
    remote = fsspec.filesystem("memory")
    remote.put(str(tmp_path / "a.zarr"), "/shelf/a.zarr", recursive=True)
    try:
        image = open_image("memory://shelf/a.zarr")
        np.testing.assert_array_equal(image.data[1], pixels()[1])
        # a path takes a slash from it
        assert open_image(Path("memory://shelf/a.zarr")).axes == "CZYX"
    finally:
        remote.rm("/shelf", recursive=True)


def test_a_remote_container_that_breaks_off_says_so(tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    container(tmp_path / "a.zarr", pixels(), "czyx")
    remote = fsspec.filesystem("memory")
    remote.put(str(tmp_path / "a.zarr"), "/broken/a.zarr", recursive=True)
    try:
        image = open_image("memory://broken/a.zarr")

        async def broken(*_, **__):
            raise ConnectionResetError("connection reset by peer")

        monkeypatch.setattr(zarr.storage.FsspecStore, "get", broken)
        with pytest.raises(UserError, match=r"broken/a\.zarr can't be read.*reset by peer"):
            image.data[0]
    finally:
        remote.rm("/broken", recursive=True)


def test_a_plate_is_a_folder_of_images(tmp_path):
    plate = tmp_path / "screen.zarr"
    root = zarr.open_group(str(plate), mode="w")
    wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}, {"path": "B/2"}]
    root.attrs["ome"] = {"version": "0.5", "plate": {"wells": wells}}
    for well in ("A/1", "B/2"):
        group = root.create_group(well)
        group.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}, {"path": "1"}]}}
        for field in "01":
            container(plate / well / field, pixels()[0, 0], "yx")
    found = find_images([plate])
    assert [p.relative_to(plate).as_posix() for p in found] == ["A/1/0", "A/1/1", "B/2/0", "B/2/1"]
    assert find_images([tmp_path]) == found
    assert series_count(plate) == 4
    assert open_image(found[2]).name == "screen_B_2_0"
    with pytest.raises(UserError, match="holds several images"):
        open_image(plate)


def test_the_images_of_a_converted_file_are_its_series(tmp_path):
    path = tmp_path / "slides.zarr"
    zarr.open_group(str(path), mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    for number in range(2):
        container(path / str(number), pixels()[number], "zyx", "0.4")
    assert series_count(path) == 2
    np.testing.assert_array_equal(open_image(path, series=1).data[...], pixels()[1])


def test_an_array_of_a_pyramid_can_be_named(tmp_path):
    path = container(tmp_path / "a.zarr", pixels(), "czyx", scale=[1, 3, 0.25, 0.25])
    image = open_image(path / "s0")
    assert image.axes == "CZYX"
    assert image.scale["X"] == 0.25


def test_axes_in_another_order_are_read_by_name_and_told(tmp_path):
    data = pixels().transpose(3, 2, 1, 0)
    image = open_image(container(tmp_path / "a.zarr", data, "xyzc"))
    assert image.axes == "XYZC"
    assert "stored as XYZC" in image.notes[0]


def test_axes_that_do_not_fit_the_array_are_refused(tmp_path):
    path = container(tmp_path / "a.zarr", pixels()[0], "yx")
    with pytest.raises(UserError, match=r"no OME-Zarr image: axes YX for an array of shape"):
        open_image(path)


def test_missing_chunks_are_told(tmp_path):
    path = container(tmp_path / "a.zarr", pixels() + 1, "czyx")
    (path / "s0" / "c" / "0" / "0" / "0" / "1").unlink()
    (note,) = open_image(path).notes
    assert "1 of 4 chunks are not in the container; their pixels are read as 0" in note


@pytest.mark.parametrize(
    ("attributes", "cause"),
    [
        ({}, "no attributes"),
        ({"ome": {"version": "0.5", "labels": ["a"]}}, "it has labels"),
        ({"multiscales": []}, "IndexError"),
        ({"multiscales": [{"axes": [], "datasets": [{}]}]}, "KeyError"),
        ({"multiscales": [{"datasets": []}]}, "no datasets"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": 3}]}, "TypeError"),
        (
            {
                "multiscales": [
                    {
                        "axes": ["y", "x"],
                        "datasets": [
                            {
                                "path": "0",
                                "coordinateTransformations": [{"type": "scale", "scale": [1]}],
                            }
                        ],
                    }
                ]
            },
            "2 axes, but 1 scales",
        ),
    ],
)
def test_a_group_without_an_image_says_what_it_has(tmp_path, attributes, cause):
    path = tmp_path / "a.zarr"
    zarr.open_group(str(path), mode="w").attrs.update(attributes)
    with pytest.raises(UserError, match="no OME-Zarr image") as caught:
        open_image(path)
    assert cause in str(caught.value)


def test_what_is_not_there_or_is_damaged_is_named(tmp_path):
    with pytest.raises(UserError, match="There is no image at"):
        open_image(tmp_path / "none.zarr")
    path = container(tmp_path / "a.zarr", pixels(), "czyx")
    for chunk in (path / "s0" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    with pytest.raises(UserError, match="can't be read"):
        np.asarray(open_image(path).data[...])
    (path / "zarr.json").write_text(json.dumps({"zarr_format": 9}))
    with pytest.raises(UserError):
        open_image(path)
    (tmp_path / "b.zarr.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match="can't be read"):
        open_image(tmp_path / "b.zarr.zip")
