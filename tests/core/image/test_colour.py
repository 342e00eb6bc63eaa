"""One channel made of red, green and blue: as expected of each kind of image, in any window."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2hed

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.colour import COLOUR_CHANNELS, code_of, guess_colour_channel
from napari_unet.core.image.frames import frames

RNG = np.random.default_rng(2)
NUCLEI = np.zeros((90, 100), bool)
NUCLEI[10:30, 10:30] = NUCLEI[50:80, 40:70] = True


def fluorescence(channel):
    picture = np.zeros((90, 100, 3), np.uint8)
    picture[..., channel] = np.where(NUCLEI, 200, 5) + RNG.integers(0, 20, NUCLEI.shape)
    return picture


def grey(bright_background):
    values = np.where(NUCLEI ^ bright_background, 220, 30).astype(np.uint8)
    return np.stack([values] * 3, axis=-1)


def tissue():
    picture = np.full((90, 100, 3), 238, np.uint8)
    picture[30:, :50] = (225, 150, 190)
    picture[NUCLEI] = (110, 70, 150)
    return picture


def crowded_tissue():
    """A piece in which most pixels are stained nuclei."""
    picture = np.full((90, 100, 3), (120, 95, 160), np.uint8)
    picture[:, 80:] = (235, 230, 240)
    return picture


KINDS = {
    "crowded tissue": (crowded_tissue(), "hematoxylin"),
    "blue": (fluorescence(2), "luminance"),
    "red": (fluorescence(0), "luminance"),
    "grey": (grey(False), "luminance"),
    "phase": (grey(True), "luminance"),
    "tissue": (tissue(), "hematoxylin"),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_what_colours_stand_for_is_guessed(kind, dtype):
    picture, expected = KINDS[kind]
    if dtype is np.uint16:
        picture = picture.astype(dtype) * 257
    elif dtype is np.float32:
        picture = picture.astype(dtype) / 255
    assert guess_colour_channel(Image(picture, "YXS")) == expected
    with_alpha = np.concatenate([picture, np.full_like(picture[..., :1], picture.max())], axis=-1)
    assert guess_colour_channel(Image(with_alpha, "YXS")) == expected


@pytest.mark.parametrize("name", COLOUR_CHANNELS)
def test_a_channel_of_colours_is_the_same_in_any_window(name):
    picture = tissue()
    (frame,) = frames(Image(picture, "YXS"), "YX", [code_of(name)])
    whole = frame.read((slice(0, 90), slice(0, 100)))
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(frame.read((slice(5, 60), slice(33, 99))), whole[:, 5:60, 33:99])
    unit = picture / 255
    expected = {
        "luminance": unit @ (0.2126, 0.7152, 0.0722),
        "inverted": 1 - unit @ (0.2126, 0.7152, 0.0722),
        **dict(zip(("hematoxylin", "eosin", "dab"), np.moveaxis(rgb2hed(unit), -1, 0))),
    }[name]
    np.testing.assert_allclose(whole[0], expected, atol=1e-6)


def test_nuclei_are_bright_in_the_guessed_channel():
    for picture, name in (KINDS[kind] for kind in ("blue", "red", "grey", "tissue")):
        (frame,) = frames(Image(picture, "YXS"), "YX", [code_of(name)])
        values = frame.read((slice(0, 90), slice(0, 100)))[0]
        assert values[NUCLEI].min() > np.percentile(values[~NUCLEI], 90)


def test_only_colours_make_channels():
    with pytest.raises(UserError, match="no channel -1"):
        frames(Image(np.zeros((4, 20, 20)), "CYX"), "YX", [-1])
