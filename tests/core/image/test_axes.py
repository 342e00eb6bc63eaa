"""Images with named axes, and the planes or volumes they are cut into."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image, check_axes, guess_axes
from napari_unet.core.image.frames import frames


def counted(axes, sizes):
    """An image whose pixels all differ."""
    shape = [sizes[a] for a in axes]
    return Image(np.arange(np.prod(shape, dtype=int)).reshape(shape), axes)


@st.composite
def images(draw, spatial):
    others = draw(st.lists(st.sampled_from("TCSPQ" + "Z" * (spatial == "YX")), unique=True))
    axes = "".join(draw(st.permutations([*spatial, *others])))
    sizes = {a: draw(st.integers(1, 4)) for a in axes}
    return counted(axes, sizes)


@st.composite
def boxes(draw, shape):
    starts = [draw(st.integers(0, n - 1)) for n in shape]
    return tuple(slice(a, draw(st.integers(a + 1, n))) for a, n in zip(starts, shape))


def canonical(image, spatial):
    """The whole image with its looped axes first, then one for channels, then the spatial ones."""
    loops = [a for a in image.axes if a not in "CS" + spatial]
    colour = [a for a in "CS" if a in image.axes]
    order = [image.axes.index(a) for a in [*loops, *colour, *spatial]]
    whole = image.data.transpose(order)
    looped = whole.shape[: len(loops)]
    return whole.reshape(-1, image.n_channels, *(image.sizes[a] for a in spatial)), loops, looped


@pytest.mark.parametrize("spatial", ["YX", "ZYX"])
@given(data=st.data())
def test_frames_read_what_the_axes_say(spatial, data):
    image = data.draw(images(spatial))
    channel = st.integers(0, image.n_channels - 1)
    channels = data.draw(st.lists(channel, min_size=1, max_size=4))
    expected, loops, looped = canonical(image, spatial)
    several = frames(image, spatial, channels)
    assert len(several) == len(expected)
    for frame, index, pixels in zip(several, np.ndindex(looped), expected):
        assert frame.index == dict(zip(loops, index))
        assert frame.shape == pixels.shape[1:]
        box = data.draw(boxes(frame.shape))
        np.testing.assert_array_equal(frame.read(box), pixels[(channels, *box)])


@pytest.mark.parametrize("spatial", ["YX", "ZYX"])
@given(data=st.data())
def test_frames_write_where_they_were_read(spatial, data):
    image = data.draw(images(spatial))
    colours = [a for a in "CS" if a in image.axes]
    labels = np.full(image.label_shape, -1)
    for frame in frames(image, spatial, [0]):
        for n in range(frame.shape[0]):  # row by row, or plane by plane
            box = (slice(n, n + 1), *(slice(0, s) for s in frame.shape[1:]))
            frame.write(labels, box, frame.read(box)[0])
            key, order = frame.label_index(box)
            np.testing.assert_array_equal(labels[key], frame.read(box)[0].transpose(order))
    first = tuple(0 if a in colours else slice(None) for a in image.axes)
    np.testing.assert_array_equal(labels, image.data[first])


def test_only_the_channels_asked_for_are_read():
    class Recorder:
        shape, dtype = (4, 5, 6), np.dtype(np.uint8)

        def __getitem__(self, key):
            self.key = key
            return np.zeros(self.shape, self.dtype)[key]

    data = Recorder()
    (frame,) = frames(Image(data, "CYX"), "YX", (2, 1))
    assert frame.read((slice(0, 2), slice(0, 3))).shape == (2, 2, 3)
    assert data.key == (slice(1, 3), slice(0, 2), slice(0, 3))


def test_properties():
    image = counted("TCZYXS", {"T": 2, "C": 4, "Z": 5, "Y": 6, "X": 7, "S": 3})
    assert image.sizes == {"T": 2, "C": 4, "Z": 5, "Y": 6, "X": 7, "S": 3}
    assert image.n_channels == 12
    assert image.label_axes == "TZYX"
    assert image.label_shape == (2, 5, 6, 7)
    assert counted("YX", {"Y": 2, "X": 2}).n_channels == 1


def test_titles_say_where():
    image = counted("TZYX", {"T": 2, "Z": 2, "Y": 1, "X": 1})
    assert [f.title for f in frames(image, "YX", [0])] == [
        "T=0 Z=0",
        "T=0 Z=1",
        "T=1 Z=0",
        "T=1 Z=1",
    ]
    (whole,) = frames(counted("YX", {"Y": 1, "X": 1}), "YX", [0])
    assert whole.title == ""


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 6), "YX"),
        ((64, 64, 3), "YXC"),
        ((64, 64, 6), "ZYX"),
        ((5, 4, 3), "ZYX"),
        ((3, 64, 64), "ZYX"),
        ((2, 64, 64, 4), "ZYXC"),
        ((2, 3, 4, 5, 6), "QTZYX"),
    ],
)
def test_axes_are_guessed(shape, axes):
    assert guess_axes(shape) == axes
    check_axes(axes, shape)


@pytest.mark.parametrize(
    ("axes", "shape", "says"),
    [
        ("YX", (2, 3, 4), "Give 3 letters, for example 'ZYX'"),
        ("ZYX", (3, 4), "Give 2 letters, for example 'YX'"),
        ("YYX", (2, 3, 4), "each once"),
        ("ZCX", (2, 3, 4), "with Y and X among them"),
        ("zyx", (2, 3, 4), "can't be used"),
        ("?YX", (2, 3, 4), "can't be used"),
        ("", (), "not an image"),
        ("X", (3,), "two or more dimensions"),
        ("ZYX", (0, 3, 4), "empty"),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes, shape, says):
    with pytest.raises(UserError, match=says):
        Image(np.zeros(shape), axes)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -3.4e38, np.finfo(np.float32).min])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_without_data_are_nan(bad, dtype):
    pixels = np.zeros((2, 2, 8, 8), dtype)
    pixels[1, 0, 7, 7] = bad
    _, second = frames(Image(pixels, "TCYX", name="cells"), "YX", [0])
    assert not second.read((slice(0, 7), slice(0, 8))).any()
    whole = second.read((slice(0, 8), slice(0, 8)))
    assert np.argwhere(np.isnan(whole)).tolist() == [[0, 7, 7]]
    (_, other) = frames(Image(pixels, "TCYX"), "YX", [1])
    assert not other.read((slice(0, 8), slice(0, 8))).any()  # only the channels used count


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float16, np.float32])
def test_the_no_data_value_of_an_image_is_nan_in_any_type(dtype):
    pixels = np.arange(12).reshape(3, 4).astype(dtype)
    (frame,) = frames(Image(pixels, "YX", nodata=5), "YX", [0])
    read = frame.read((slice(0, 3), slice(0, 4)))
    assert np.argwhere(np.isnan(read)).tolist() == [[0, 1, 1]]
    assert (np.delete(read.ravel(), 5) == np.delete(pixels.ravel(), 5)).all()


def test_a_volume_needs_depth():
    with pytest.raises(UserError, match=r"has no Z axis.*'TYX'.*load a 2-D model"):
        frames(counted("TYX", {"T": 2, "Y": 3, "X": 4}), "ZYX", [0])


@pytest.mark.parametrize("channel", [-1, 2])
def test_channels_must_be_there(channel):
    with pytest.raises(UserError, match=rf"no channel {channel}: 2 channel"):
        frames(counted("CYX", {"C": 2, "Y": 3, "X": 4}), "YX", [0, channel])
