"""What kind of image one is, as far as its pixels tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import ndimage

from napari_unet.core.image.colour import STAINS, combine, guess_colour_channel, has_colours
from napari_unet.core.image.missing import mark_missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

Kind = Literal[
    "fluorescence", "phase contrast", "bright field", "stained tissue", "electron microscopy"
]
"""Kinds of images; each looks unlike the others."""
KINDS: tuple[Kind, ...] = get_args(Kind)

WINDOW, SEEN = 1024, 512
"""Sides in pixels: of the window in the middle that is read, and of what is looked at of it."""
TEXTURED, VARIED, SPREAD = 0.02, 0.08, 0.36
"""In an electron micrograph nothing is flat: local deviations, also of the flattest tenth and in the
median, exceed these, and at most this part of the pixels is close to the median. Parts of the range."""
DARK, BELOW = 0.26, 0.1
"""In fluorescence the most frequent value is below this part of the range, and few pixels are darker."""
BRIGHT, ABOVE = 0.8, 0.02
"""In bright field it is above this one, and few pixels are brighter."""


@dataclass(frozen=True)
class Appearance:
    """How an image looks.

    Attributes
    ----------
    kind
        The likely kind; None for an image of one value.
    planes
        Number of planes along Z.
    channels
        Number of channels.
    """

    kind: Kind | None
    planes: int
    channels: int


def appearance_of(image: Image) -> Appearance:
    """Look at the middle of the middle plane of an image.

    Parameters
    ----------
    image
        The image; a window of at most 1024² pixels is read.

    Returns
    -------
    Appearance
        Its kind as judged by the histogram, by how flat it is, and by its colours.
    """
    planes = image.sizes.get("Z", 1)
    if has_colours(image) and guess_colour_channel(image) in STAINS:
        return Appearance("stained tissue", planes, image.n_channels)
    pixels = _sample(image)
    kind = None if pixels is None else _kind(pixels)
    return Appearance(kind, planes, image.n_channels)


def _kind(pixels: NDArray[np.float32]) -> Kind:
    counts, edges = np.histogram(pixels, 64, (0, 1))
    mode = edges[counts.argmax()] + 0.5 / 64
    below, above = float((pixels < mode - 0.1).mean()), float((pixels > mode + 0.1).mean())
    close = float((np.abs(pixels - np.median(pixels)) < 0.08).mean())
    smooth = ndimage.gaussian_filter(pixels, 1)
    variance = ndimage.uniform_filter(smooth**2, 9) - ndimage.uniform_filter(smooth, 9) ** 2
    flattest, usual = np.percentile(np.sqrt(np.maximum(variance, 0)), [10, 50])
    if flattest > TEXTURED and usual > VARIED and close < SPREAD:
        return "electron microscopy"
    if mode < DARK and below < BELOW:
        return "fluorescence"
    if mode > BRIGHT and above < ABOVE:
        return "bright field"
    return "phase contrast"


def _sample(image: Image) -> NDArray[np.float32] | None:
    """Return brightness, from 0 to 1, of the part that is looked at; None if all of it is alike."""
    index = tuple(_part(a, n) for a, n in zip(image.axes, image.data.shape, strict=True))
    window = mark_missing(np.asarray(image.data[index]), image.nodata)
    kept = "YXS" if has_colours(image) else "YX"
    order = [image.axes.index(a) for a in kept[::-1][: len(kept) - 2] + "YX"]
    others = tuple(i for i in range(window.ndim) if i not in order)
    window = np.squeeze(np.transpose(window, (*others, *order)), tuple(range(len(others))))
    step = -(-max(window.shape[-2:]) // SEEN)
    window = window[..., ::step, ::step]
    grey = combine(window, "luminance") if window.ndim == 3 else window.astype(np.float32)
    valid = np.isfinite(grey)
    if not valid.any():
        return None
    low, high = np.percentile(grey[valid], [0.5, 99.5])
    if not high > low:
        return None
    grey = np.where(valid, grey, np.median(grey[valid]))
    shown: NDArray[np.float32] = np.clip((grey - low) / (high - low), 0, 1).astype(np.float32)
    return shown


def _part(axis: str, n: int) -> slice:
    """Return what is read along an axis: the middle of planes, the first channel, all colours."""
    if axis in "YX":
        start = max(n - WINDOW, 0) // 2
        return slice(start, start + WINDOW)
    if axis == "S":
        return slice(None)
    return slice(n // 2, n // 2 + 1) if axis in "TZ" else slice(0, 1)
