"""Opening TIFF files: tifffile's own array of the first series is the oracle."""

from __future__ import annotations

import errno
import json
import logging
import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from places import SHARED

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.services.files.images import find_images, open_image, open_labels
from napari_unet.services.tiff.ome_files import metadata_elsewhere
from napari_unet.services.tiff.pages import Page

ZOO = SHARED / "tiff-zoo"
CATALOG = json.loads((ZOO / "catalog.json").read_text()) if ZOO.is_dir() else []

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (3, 2, 37, 45), np.uint16)
COLOUR = RNG.integers(0, 255, (37, 45, 3), np.uint8)
GREY = {"photometric": "minisblack"}
SMALL = {
    "plain": (STACK[0, 0], GREY),
    "stack": (STACK[0], GREY),
    "big endian": (STACK[0], {"byteorder": ">", **GREY}),
    "bigtiff": (STACK, {"bigtiff": True, "byteorder": ">", "compression": "zlib", **GREY}),
    "imagej": (STACK, {"imagej": True, "metadata": {"axes": "TCYX"}}),
    "imagej zlib": (STACK, {"imagej": True, "compression": "zlib", "metadata": {"axes": "ZCYX"}}),
    "ome": (STACK, {"ome": True, "metadata": {"axes": "CZYX"}, **GREY}),
    "ome tiles": (STACK, {"ome": True, "tile": (16, 32), "metadata": {"axes": "TZYX"}, **GREY}),
    "strips": (STACK, {"rowsperstrip": 5, "compression": "lzw", "predictor": True, **GREY}),
    "tiles": (STACK.astype("f4"), {"tile": (16, 16), "compression": "zstd", **GREY}),
    "float predictor": (STACK.astype("f8"), {"predictor": True, "compression": "zlib", **GREY}),
    "rgb": (COLOUR, {"photometric": "rgb", "compression": "zlib"}),
    "planar": (COLOUR.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}),
    "palette": (
        COLOUR[..., 0],
        {"photometric": "palette", "colormap": RNG.integers(0, 65535, (3, 256), np.uint16)},
    ),
    "bool": (STACK[0, 0] > 30000, GREY),
    "half": (STACK[0].astype("f2"), {"compression": "packbits", **GREY}),
    "int64": (STACK[0].astype("i8") - 30000, GREY),
    "rows of several planes in a page": (
        STACK[0].reshape(-1, 45),
        {"compression": "zlib", "description": '{"shape": [2, 37, 45]}', "metadata": None, **GREY},
    ),
    "depth": (STACK[0].repeat(8, axis=0), {"tile": (16, 16, 16), "volumetric": True, **GREY}),
}


def oracle(path):
    with tifffile.TiffFile(path, **metadata_elsewhere(path)) as file:
        return file.series[0].axes, file.series[0].asarray()


def some_boxes(shape, n=4):
    rng = np.random.default_rng(sum(shape))
    for _ in range(n):
        ends = [sorted(rng.integers(0, s + 1, 2)) for s in shape]
        yield tuple(slice(min(a, s - 1), max(a + 1, b)) for (a, b), s in zip(ends, shape))


def check_windows(image, expected):
    """Each read from a file opened anew, so that nothing is remembered from the last."""
    for box in some_boxes(expected.shape):
        np.testing.assert_array_equal(image.data[box], expected[box])
    last = tuple(n - 1 for n in expected.shape)
    np.testing.assert_array_equal(image.data[last], expected[last])
    np.testing.assert_array_equal(image.data[..., ::3], expected[..., ::3])
    np.testing.assert_array_equal(np.asarray(image.data), expected)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry["path"])
def test_every_file_of_the_zoo_opens_rightly_or_is_refused(entry, caplog):
    path = ZOO / entry["path"]
    if "tifffile_err" in entry:
        caplog.clear()
        with pytest.raises(UserError) as caught:
            open_image(path, series=0).data[...]
        assert path.name in str(caught.value)
        assert not caplog.records  # the error says it all
        return
    axes, expected = oracle(path)
    image = open_labels(path, series=0)
    assert image.axes == axes
    assert image.data.shape == expected.shape
    if not metadata_elsewhere(path):
        assert axes == entry["axes"]
        assert expected.shape == tuple(entry["shape"])
    assert image.data.dtype == expected.dtype.newbyteorder("=")
    check_windows(image, expected)


@pytest.mark.parametrize("kind", SMALL)
def test_files_of_each_kind(tmp_path, kind):
    data, how = SMALL[kind]
    tifffile.imwrite(tmp_path / "a.tif", data, **how)
    axes, expected = oracle(tmp_path / "a.tif")
    image = open_labels(tmp_path / "a.tif")
    assert image.axes == axes.replace("QQ", "QP")  # each letter once
    assert image.name == "a"
    assert image.data.dtype == data.dtype
    np.testing.assert_array_equal(expected.reshape(data.shape), data)
    check_windows(image, expected)


def test_the_user_has_the_last_word_on_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], **GREY)
    assert open_image(tmp_path / "a.tif", "cyx").axes == "CYX"
    with pytest.raises(UserError, match="The axes do not fit the image"):
        open_image(tmp_path / "a.tif", "YX")


def test_several_images_in_a_file(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(STACK[0], **GREY)
        file.write(COLOUR, photometric="rgb")
    with pytest.raises(UserError, match=r"several images: 0: 2 × 37 × 45; 1: 37 × 45 × 3"):
        open_image(tmp_path / "a.tif")
    assert open_image(tmp_path / "a.tif", series=0).data.shape == STACK[0].shape
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif", series=1).data[...], COLOUR)
    with pytest.raises(UserError, match=r"no image number 2: 2 image"):
        open_image(tmp_path / "a.tif", series=2)


def test_complex_pixels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0].astype("c8"), **GREY)
    with pytest.raises(UserError, match="type that can't be used"):
        open_image(tmp_path / "a.tif")


def test_no_file_stays_open_and_one_that_goes_is_reported(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, compression="zlib", **GREY)
    image = open_image(path)
    path.unlink()  # Windows would refuse if it were open
    with pytest.raises(UserError, match=r"a\.tif"):
        image.data[0]


def test_windows_of_one_compressed_strip_decode_it_once(tmp_path, monkeypatch):
    decoded = []
    decode = Page.decode
    monkeypatch.setattr(Page, "decode", lambda *args: (decoded.append(args[1]), decode(*args))[1])
    page = STACK[0, 0].repeat(8, axis=0).repeat(8, axis=1)
    tifffile.imwrite(tmp_path / "a.tif", page, compression="zlib", rowsperstrip=len(page), **GREY)
    data = open_image(tmp_path / "a.tif").data
    for row in range(0, 290, 40):
        for column in range(0, 350, 40):
            box = (slice(row, row + 60), slice(column, column + 60))
            np.testing.assert_array_equal(data[box], page[box])
    assert decoded == [0]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_window_costs_no_stack(tmp_path, compression):
    path = tmp_path / "a.tif"
    plane = np.zeros((512, 512), np.uint16)
    planes = (plane + n for n in range(80))  # 40 MiB
    shape = (80, *plane.shape)
    tifffile.imwrite(path, planes, shape=shape, dtype="u2", compression=compression, **GREY)
    open_image(path).data[0, :2, :2]  # modules loaded on first use don't count
    tracemalloc.start()
    try:
        window = open_image(path).data[70, 100:200, 100:200]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (window == 70).all()
    assert peak < 4 * plane.nbytes


def test_a_header_that_asks_for_all_memory_costs_none(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COLOUR[..., 0], compression="zlib", rowsperstrip=37, **GREY)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("ImageLength", "ImageWidth", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(2**18)
    with pytest.raises(UserError, match=r"too large for this computer|is damaged"):
        open_image(path).data[:10, :10]


def test_not_a_tiff(tmp_path):
    for name, content, says in [
        ("a.tif", b"plain text", "is damaged"),
        ("b.tif", b"", "is damaged"),
        ("c.png", b"\x89PNG", "not a PNG"),
        ("c.bmp", b"BM", "not an image that can be read"),
        ("d.tif", zlib.compress(b"x"), "is damaged"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=says):
            open_image(tmp_path / name)
    (tmp_path / "folder.tif").mkdir()
    for missing in ("none.tif", "folder.tif"):
        with pytest.raises(UserError, match="can't be opened"):
            open_image(tmp_path / missing)


def test_what_tifffile_remarks_is_passed_on_when_all_is_well(tmp_path, caplog):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], extratags=[(65000, 7, 4, b"abcd", True)])
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    at = raw.index((65000).to_bytes(2, "little") + (7).to_bytes(2, "little"))
    raw[at + 2] = 99  # a type of tag that doesn't exist
    (tmp_path / "a.tif").write_bytes(raw)
    with caplog.at_level(logging.WARNING, logger="tifffile"):
        np.testing.assert_array_equal(open_image(tmp_path / "a.tif").data[...], STACK[0, 0])
    assert "65000" in caplog.text


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")


def test_finding_images_in_folders_patterns_and_by_name(tmp_path):
    touch(tmp_path, "t10.tif", "t2.tif", "T1.TIFF", "notes.txt", "._t2.tif", "deep/u.tif")
    (tmp_path / "folder.tif").mkdir()

    def found(*given):
        return [p.relative_to(tmp_path).as_posix() for p in find_images(given)]

    assert found(tmp_path) == ["T1.TIFF", "t2.tif", "t10.tif"]
    assert found(str(tmp_path / "t*.tif")) == ["t2.tif", "t10.tif"]
    assert found(tmp_path / "**" / "u.tif") == ["deep/u.tif"]
    assert found(tmp_path / "t10.tif", tmp_path) == ["t10.tif", "T1.TIFF", "t2.tif"]
    assert found(tmp_path / "notes.txt") == ["notes.txt"]  # named by the user: opening it tells


@pytest.mark.parametrize("given", ["none.tif", "*.tif", "."])
def test_finding_nothing_is_said(tmp_path, given):
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError, match="Nothing to open"):
        find_images([tmp_path / given])


def test_a_folder_that_may_not_be_listed_is_reported(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match=r"can't be read: Permission denied"):
        find_images([tmp_path])


def test_an_image_from_a_file_is_an_ordinary_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, **GREY)
    image = open_image(tmp_path / "a.tif")
    assert isinstance(image, Image)
    assert len(image.data) == 3
    assert (image.data.ndim, image.data.size) == (4, STACK.size)
    with pytest.raises(IndexError):
        image.data[3]
