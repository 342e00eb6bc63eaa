"""One channel from the colours of an RGB image, for a network that takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue (Rec. 709)."""

STAINS = ("hematoxylin", "eosin", "dab")
"""Stains whose optical density is told apart (Ruifrok and Johnston 2001), in the order of skimage."""

COLOUR_CHANNELS = ("luminance", "inverted", *STAINS)
"""Names of the channels that can be made of red, green and blue."""

SAMPLES = ("red", "green", "blue", "alpha")
"""Names of the samples of a pixel."""

GREY_CHROMA = 0.06
"""Below this difference of red, green and blue, as a share of their range, a pixel counts as grey."""

BRIGHT, CROWDED = 0.5, 0.4
"""Share of the range above which the median pixel is a bright background; and above which it is tissue
full of stained nuclei, if the brightest pixels are nearly white."""

WHITE_CHROMA = 0.3
"""Below this difference of red, green and blue, as a share of their range, a bright pixel is nearly
white: those of fluorescence have the colour of a dye."""

PROBES, PROBE_SIDE = 4, 48
"""Windows along each side of the plane that the guess looks at, and their side in pixels."""


def has_colours(image: Image) -> bool:
    """Whether the last axis of an image holds red, green and blue, and maybe alpha."""
    return image.axes.endswith("S") and image.sizes["S"] in (3, 4)


def code_of(name: str) -> int:
    """Return the number by which a frame knows a channel made of colours: below 0."""
    return -1 - COLOUR_CHANNELS.index(name)


def name_of(code: int) -> str:
    """Return the name of a channel made of colours."""
    return COLOUR_CHANNELS[-1 - code]


def guess_colour_channel(image: Image) -> str:
    """Guess from some pixels which channel of its colours shows what is to be segmented.

    Coloured tissue on a bright background is taken for stained with haematoxylin; all else, grey pixels
    stored as colours and fluorescence, for as bright as it looks.
    """
    pixels = np.concatenate([_unit(block)[..., :3].reshape(-1, 3) for block in _probes(image)])
    top = float(np.percentile(pixels, 99.5)) or 1.0
    chroma = np.ptp(pixels, axis=1) / top
    luminance = pixels @ np.array(LUMINANCE)
    brightest = luminance >= np.percentile(luminance, 95)
    white = float(np.median(chroma[brightest])) < WHITE_CHROMA
    bright = float(np.median(luminance)) > (CROWDED if white else BRIGHT) * top
    coloured = float(np.percentile(chroma, 90)) > GREY_CHROMA
    return "hematoxylin" if bright and coloured else "luminance"


def _probes(image: Image) -> Iterator[NDArray[Any]]:
    """Yield windows spread over the middle plane."""
    starts = {
        a: np.unique(np.linspace(0, max(image.sizes[a] - PROBE_SIDE, 0), PROBES).astype(int))
        for a in "YX"
    }
    for y in starts["Y"]:
        for x in starts["X"]:
            place = {
                "Y": slice(int(y), int(y) + PROBE_SIDE),
                "X": slice(int(x), int(x) + PROBE_SIDE),
                "S": slice(None),
            }
            key = tuple(place.get(a, n // 2) for a, n in image.sizes.items())
            yield np.asarray(image.data[key])


def _unit(block: NDArray[Any]) -> NDArray[np.float32]:
    """Scale integers by the range of their type; floating-point colours are from 0 to 1 already."""
    if block.dtype.kind in "iu":
        return block.astype(np.float32) / np.float32(np.iinfo(block.dtype).max)
    return block.astype(np.float32, copy=False)


def combine(colours: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Make a channel of colours.

    Parameters
    ----------
    colours
        Red, green and blue, and maybe alpha, first; then the pixels. Integers, or floats from 0 to 1.
    name
        One of `COLOUR_CHANNELS`: ``luminance``; ``inverted``, which is its complement to white; or the
        optical density of a stain.

    Returns
    -------
    ndarray of float32
        The pixels.
    """
    if name in STAINS:
        # it takes a while to import
        from skimage.color import rgb2hed

        rgb = np.moveaxis(np.clip(_unit(colours[:3]), 0, 1), 0, -1)
        stain: NDArray[np.float32] = rgb2hed(rgb)[..., STAINS.index(name)].astype(np.float32)
        return stain
    # summed in one order, so that windows agree to the bit
    red, green, blue = (_unit(colours[i]) * np.float32(w) for i, w in enumerate(LUMINANCE))
    grey: NDArray[np.float32] = red + green + blue
    return 1 - grey if name == "inverted" else grey
