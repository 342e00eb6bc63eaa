"""PNG, JPEG and microscopes' own formats, opened as TIFF is."""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from napari_unet.core.errors import UserError
from napari_unet.services.files.images import find_images, open_image, open_labels, series_count
from napari_unet.services.segmentation.tasks import make_tasks

RNG = np.random.default_rng(4)
GREY = RNG.integers(0, 255, (20, 30), np.uint8)
RGB = RNG.integers(0, 255, (20, 30, 3), np.uint8)
PNGS = {
    "grey": GREY,
    "grey 16": GREY.astype(np.uint16) * 200,
    "rgb": RGB,
    "rgb 16": RGB.astype(np.uint16) * 200,
    "rgba": np.concatenate([RGB, np.full((20, 30, 1), 255, np.uint8)], axis=-1),
}


@pytest.mark.parametrize("kind", PNGS)
def test_png(tmp_path, kind):
    pixels = PNGS[kind]
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    image = open_image(tmp_path / "a.png")
    assert image.axes == "YXS"[: pixels.ndim]
    assert (image.data.shape, image.data.dtype) == (pixels.shape, pixels.dtype)
    np.testing.assert_array_equal(image.data[3:9, 4:7], pixels[3:9, 4:7])
    np.testing.assert_array_equal(np.asarray(image.data), pixels)
    assert image.channel_names == ("red", "green", "blue", "alpha")[: image.n_channels] * (
        pixels.ndim == 3
    )


@pytest.mark.parametrize("mode", ["P", "1", "LA", "PA"])
def test_other_kinds_of_png_look_as_they_do_elsewhere(tmp_path, mode):
    if mode == "PA":
        picture = Pillow.fromarray(RGB).quantize(8)
        picture.save(tmp_path / "a.png", transparency=1)
        expected = np.asarray(picture.convert("RGBA"))[..., :3]
    else:
        source = Pillow.fromarray(RGB).quantize(8) if mode == "P" else Pillow.fromarray(GREY)
        picture = source if mode == "P" else source.convert(mode)
        picture.save(tmp_path / "a.png")
        expected = np.asarray(picture.convert("RGB" if mode == "P" else "L"))
    image = open_image(tmp_path / "a.png")
    found = np.asarray(image.data)
    np.testing.assert_array_equal(found[..., :3] if mode == "PA" else found, expected)
    assert image.data.shape == found.shape


def test_labels_in_png_are_numbers(tmp_path):
    numbers = RNG.integers(0, 7, (20, 30)).astype(np.uint8)
    palette = Pillow.fromarray(numbers).convert("P")
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200] + [9] * 756)
    palette.putdata(numbers.ravel().tolist())
    palette.save(tmp_path / "palette.png")
    (tmp_path / "colour.png").write_bytes(imagecodecs.png_encode(np.stack([numbers] * 3, -1)))
    for name in ("palette.png", "colour.png"):
        labels = open_labels(tmp_path / name)
        assert labels.axes == "YX"
        np.testing.assert_array_equal(np.asarray(labels.data), numbers)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path, mode):
    smooth = np.add.outer(np.arange(20) * 4, np.arange(30) * 5).astype(np.uint8)
    picture = Pillow.fromarray(smooth).convert("RGB").convert(mode)
    picture.save(tmp_path / "a.jpg", quality=95)
    image = open_image(tmp_path / "a.jpg")
    assert image.data.shape == ((20, 30) if mode == "L" else (20, 30, 3))
    grey = np.asarray(image.data).reshape(20, 30, -1).mean(axis=-1)
    assert np.abs(grey - smooth).max() < 8


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_damaged_pictures_are_explained(tmp_path_factory, at, change, cut):
    folder = tmp_path_factory.getbasetemp()
    for name, content in (
        ("a.png", imagecodecs.png_encode(RGB)),
        ("a.jpg", imagecodecs.jpeg8_encode(RGB)),
    ):
        path = folder / name
        path.write_bytes(content[:at] + (b"" if cut else change + content[at + len(change) :]))
        with contextlib.suppress(UserError):
            open_image(path).data[...]


def test_folders_take_all_formats(tmp_path):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(GREY))
    (tmp_path / "b.JPG").write_bytes(imagecodecs.jpeg8_encode(GREY))
    (tmp_path / "c.czi").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in find_images([tmp_path])] == ["a.png", "b.JPG", "c.czi"]


def test_a_picture_is_the_only_image_of_its_file(tmp_path):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(GREY))
    assert open_image(tmp_path / "a.png", series=0).data.shape == GREY.shape
    with pytest.raises(UserError, match=r"a\.png has no image number 1"):
        open_image(tmp_path / "a.png", series=1)


@pytest.mark.parametrize(("sources", "folder"), [(1, False), (2, False), (1, True)])
@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.csv"])
def test_no_folder_is_made_of_a_file_name(tmp_path, sources, folder, name):
    paths = [tmp_path / f"{i}.png" for i in range(sources)]
    for path in paths:
        path.write_bytes(imagecodecs.png_encode(GREY))
    if name == "x.tif" and sources == 1 and not folder:
        assert make_tasks(paths, tmp_path / name, into_folder=folder)[0].labels.name == name
        return
    with pytest.raises(UserError, match="x"):
        make_tasks(paths, tmp_path / name, into_folder=folder)
    (tmp_path / name).mkdir()
    assert make_tasks(paths, tmp_path / name, into_folder=folder)[0].labels.parent.name == name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.czi", r'pip install "napari-unet-studio\[bioio\]"'),
        ("a.nd2", r'pip install "napari-unet-studio\[bioio\]"'),
        ("a.oib", "pip install bioio bioio-bioformats"),
    ],
)
def test_a_missing_plug_in_is_named(tmp_path, name, line):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=line):
        open_image(tmp_path / name)


class Scenes:
    """What ``bioio.BioImage`` offers of a file with two scenes."""

    def __init__(self, path, reader):
        self.scenes = ("left", "right")
        self.dims = SimpleNamespace(order="TCZYX")
        self.physical_pixel_sizes = SimpleNamespace(Z=None, Y=0.25, X=0.25)
        self.channel_names = ["DAPI", "GFP"]

    def set_scene(self, number):
        self.dask_data = np.full((1, 2, 1, 20, 30), number, np.uint16)


class Coloured(Scenes):
    """A file whose colours come blue first, and wrong unless read at once, as by bioio-czi 3.0."""

    def set_scene(self, number):
        self.dims = SimpleNamespace(order="TCZYXS")
        self.data = np.arange(1800, dtype=np.uint16).reshape(1, 1, 1, 20, 30, 3)
        self.dask_data = self.data[..., :1].repeat(3, axis=-1)


def install(monkeypatch, image):
    for name, content in (("bioio", {"BioImage": image}), ("bioio_czi", {"Reader": object})):
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)


def test_colours_of_vendors_formats_are_read_at_once(tmp_path, monkeypatch):
    install(monkeypatch, Coloured)
    (tmp_path / "a.czi").touch()
    image = open_image(tmp_path / "a.czi", series=0)
    assert (image.axes, image.channel_names) == ("YXS", ())
    assert np.array_equal(image.data[..., ::-1].ravel(), np.arange(1800))
    monkeypatch.setattr("napari_unet.services.files.vendor_formats.free_memory", lambda: 3000)
    with pytest.raises(UserError, match="too large for this computer"):
        open_image(tmp_path / "a.czi", series=0)


def test_vendors_formats_come_with_axes_scale_and_names(tmp_path, monkeypatch):
    install(monkeypatch, Scenes)
    path = tmp_path / "a.czi"
    path.touch()
    assert series_count(path) == 2
    with pytest.raises(UserError, match="several images: 0: left; 1: right"):
        open_image(path)
    image = open_image(path, series=1)
    assert (image.axes, image.data.shape, image.unit) == ("CYX", (2, 20, 30), "micrometer")
    assert image.channel_names == ("DAPI", "GFP")
    assert dict(image.scale) == {"Y": 0.25, "X": 0.25}
    assert (image.data[...] == 1).all()
    assert [task.series for task in make_tasks([path], tmp_path / "out", into_folder=True)] == [
        0,
        1,
    ]
