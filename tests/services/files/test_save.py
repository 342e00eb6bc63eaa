"""Labels and probabilities on the disk, as this package, tifffile and Fiji read them."""

from __future__ import annotations

import errno
import os
import sys

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.services.files.images import open_image
from napari_unet.services.files.save import check_output, save_labels, save_probabilities

RNG = np.random.default_rng(0)
SCALE = {"T": 30.0, "Z": 2.0, "Y": 0.5, "X": 0.25}


def image_of(axes, unit="micrometer", scale=SCALE):
    sizes = {"T": 2, "Z": 3, "C": 2, "Y": 17, "X": 21, "S": 3, "Q": 2}
    kept = {a: scale[a] for a in axes if a in scale}
    return Image(np.zeros([sizes[a] for a in axes], np.uint8), axes, kept, unit)


def labels_of(image, dtype="uint16", top=300):
    return RNG.integers(0, top, image.label_shape).astype(dtype)


def check_same(path, labels, image):
    found = open_image(path)
    assert found.axes == image.label_axes
    assert found.scale == pytest.approx({a: image.scale[a] for a in found.axes if a in image.scale})
    assert found.unit == image.unit
    np.testing.assert_array_equal(found.data[...], labels)
    np.testing.assert_array_equal(tifffile.imread(path), labels)
    return found


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize(("dtype", "top"), [("uint8", 200), ("uint16", 300), ("uint32", 70000)])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX", "TZCYX", "CZYX", "TZYX", "YXS", "QYX"])
def test_labels_come_back_with_axes_scale_and_unit(tmp_path, axes, dtype, top, name):
    image = image_of(axes)
    labels = labels_of(image, dtype, top)
    save_labels(tmp_path / name, labels, image)
    assert check_same(tmp_path / name, labels, image).data.dtype == dtype
    with tifffile.TiffFile(tmp_path / name) as file:
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"
        assert file.is_imagej == (name == "a.tif" and dtype != "uint32" and axes != "QYX")


def test_labels_are_what_fiji_expects(tmp_path):
    """An ImageJ hyperstack with micrometres; 32-bit labels, which ImageJ lacks, as OME-TIFF."""
    image = image_of("TZCYX")
    save_labels(tmp_path / "a.tif", labels_of(image), image)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.series[0].axes == "TZYX"
        said = file.imagej_metadata
        assert (said["slices"], said["frames"]) == (3, 2)
        assert (said["unit"], said["spacing"], said["finterval"]) == ("micron", 2.0, 30.0)
    save_labels(tmp_path / "b.tif", labels_of(image, "uint32", 70000), image)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.is_ome
        assert 'PhysicalSizeZ="2.0"' in file.ome_metadata


@pytest.mark.parametrize("axes", ["XY", "YXZ", "ZTYX", "XZY"])
def test_unusual_orders_come_back_as_they_were(tmp_path, axes):
    image = image_of(axes)
    labels = labels_of(image)
    save_labels(tmp_path / "a.tif", labels, image)
    check_same(tmp_path / "a.tif", labels, image)


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_axes_and_sizes_come_back(tmp_path, data):
    axes = "".join(data.draw(st.lists(st.sampled_from("TZQ"), unique=True))) + "YX"
    shape = [data.draw(st.integers(1, 4)) for _ in axes]
    image = Image(np.zeros(shape, np.uint8), axes, {a: SCALE[a] for a in axes if a in SCALE}, "nm")
    labels = labels_of(image)
    path = tmp_path / data.draw(st.sampled_from(["a.tif", "a.ome.tiff"]))
    save_labels(path, labels, image, overwrite=True)
    found = open_image(path)
    assert found.axes == axes
    np.testing.assert_array_equal(found.data[...], labels)
    lengths = {a: SCALE[a] / 1000 for a in "ZYX" if a in axes}
    assert {a: found.scale[a] for a in lengths} == pytest.approx(lengths, rel=1e-5)


def test_without_a_unit_the_scale_is_in_pixels(tmp_path):
    for scale in ({}, {"Z": 3.0, "Y": 1.0, "X": 1.0}):
        image = image_of("ZYX", "pixel", scale)
        save_labels(tmp_path / "a.tif", labels_of(image), image, overwrite=True)
        found = open_image(tmp_path / "a.tif")
        assert found.unit == "pixel"
        assert found.scale.get("Z", 1) == scale.get("Z", 1)


@pytest.mark.parametrize(
    ("given_dtype", "top", "kept"),
    [("bool", 2, "uint8"), ("int64", 200, "uint8"), ("int64", 300, "uint16"),
     ("int32", 70000, "uint32"), ("uint16", 3, "uint16"), ("uint64", 70000, "uint32")],
)  # fmt: skip
def test_labels_take_as_few_bits_as_hold_them(tmp_path, given_dtype, top, kept):
    image = image_of("ZYX")
    labels = labels_of(image, given_dtype, top)
    labels[0, 0, 0] = top - 1
    save_labels(tmp_path / "a.tif", labels, image)
    found = open_image(tmp_path / "a.tif").data
    assert found.dtype == kept
    np.testing.assert_array_equal(found[...], labels)


@pytest.mark.parametrize(
    ("value", "says"), [(-1, "out of range"), (2**32, "out of range"), (0.5, "not labels")]
)
def test_what_are_no_labels_is_refused(tmp_path, value, says):
    image = image_of("YX")
    with pytest.raises(UserError, match=says):
        save_labels(tmp_path / "a.tif", np.full(image.label_shape, value), image)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TZCYX", "YXS", "QYX"])
@pytest.mark.parametrize("names", [("cell",), ("background", "cell", "border")])
def test_probabilities_have_a_channel_a_class(tmp_path, axes, names, name):
    image = image_of(axes)
    maps = RNG.random((len(names), *image.label_shape), np.float32)
    save_probabilities(tmp_path / name, maps, image, names)
    found = open_image(tmp_path / name)
    assert found.data.dtype == np.float32
    assert found.unit == "micrometer"
    if len(names) == 1:
        assert found.axes == image.label_axes
        np.testing.assert_array_equal(found.data[...], maps[0])
        return
    assert found.channel_names == names
    order = ["C" + image.label_axes, found.axes]
    np.testing.assert_array_equal(
        found.data[...], maps.transpose([order[0].index(a) for a in order[1]])
    )
    assert set(found.axes) == set(order[0])


def test_nothing_is_overwritten_unasked(tmp_path):
    image = image_of("YX")
    first, second = labels_of(image), labels_of(image)
    path = tmp_path / "new folder" / "a.tif"
    save_labels(path, first, image)
    with pytest.raises(UserError, match="already exists"):
        save_labels(path, second, image)
    with pytest.raises(UserError, match="already exists"):
        save_probabilities(path, second[None], image, ["cell"])
    np.testing.assert_array_equal(tifffile.imread(path), first)
    save_labels(path, second, image, overwrite=True)
    np.testing.assert_array_equal(tifffile.imread(path), second)


@pytest.mark.parametrize("name", ["a", "a.png", "a.npy"])
def test_only_tiff_and_zarr_are_written(tmp_path, name):
    with pytest.raises(UserError, match=r"Name it a\.tif"):
        check_output(tmp_path / name, overwrite=False)


def fill_disk(monkeypatch, after):
    """Let the disk take so many bytes and no more."""
    write, written = tifffile.FileHandle.write, [0]

    def refusing(self, data, /):
        written[0] += len(data)
        if written[0] > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(tifffile.FileHandle, "write", refusing)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("after", [0, 300, 2500])
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, name, after, there):
    image = image_of("TZYX")
    path = tmp_path / name
    before = labels_of(image)
    if there:
        save_labels(path, before, image)
    fill_disk(monkeypatch, after)
    with pytest.raises(UserError, match="no room"):
        save_labels(path, labels_of(image), image, overwrite=True)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == [name] * there
    if there:
        np.testing.assert_array_equal(tifffile.imread(path), before)


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX's")
def test_a_disk_that_is_really_full_leaves_nothing(tmp_path):
    import resource

    image = image_of("TZYX")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(UserError, match="no room"):
            save_labels(tmp_path / "a.tif", labels_of(image), image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_labels_are_written_plane_by_plane(tmp_path):
    class Planes:
        shape, dtype = (4, 17, 21), np.dtype(np.uint16)

        def __getitem__(self, key):
            planes = np.arange(4, dtype=self.dtype)[:, None, None].repeat(17, 1).repeat(21, 2)[key]
            assert planes.size == 17 * 21
            return planes

    image = Image(np.zeros(Planes.shape, np.uint8), "ZYX")
    save_labels(tmp_path / "a.tif", Planes(), image)
    assert open_image(tmp_path / "a.tif").data[:, 0, 0].tolist() == [0, 1, 2, 3]
