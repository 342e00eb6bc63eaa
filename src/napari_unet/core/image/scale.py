"""By which factors an image is resampled so that a network sees objects as large as those it learnt."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from napari_unet.core.image.axes import MICROMETERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.axes import Image

SAME_SIZE_FACTOR = 1.25
"""Pixel sizes that differ by less than this factor count as the same."""

SAME_DIAMETER = (0.5, 1.6)
"""Objects of so many times the diameter learnt count as of the same size: networks learn various sizes,
and resampling blurs. Large ones are worse than small ones, as a network sees only so far."""

MAX_FACTOR = 10.0
"""If pixel sizes differ by more than this factor, one of them must be wrong."""


def pixel_size_of(image: Image, spatial: str) -> tuple[float, ...]:
    """Return the pixel size of an image.

    Parameters
    ----------
    image
        The image.
    spatial
        The axes, ``"YX"`` or ``"ZYX"``.

    Returns
    -------
    tuple of float
        In micrometers along these axes; empty if the image does not state it.
    """
    micrometers = MICROMETERS.get(image.unit.lower())
    sizes = [image.scale.get(a, 0.0) for a in spatial]
    if micrometers is None or not all(0 < size < inf for size in sizes):
        return ()
    return tuple(size * micrometers for size in sizes)


def common_pixel_size(images: Sequence[Image], spatial: str) -> tuple[float, ...]:
    """Return the pixel size that images share.

    Parameters
    ----------
    images
        The images, at least one.
    spatial
        The axes, ``"YX"`` or ``"ZYX"``.

    Returns
    -------
    tuple of float
        That of the first image, in micrometers along these axes; empty if unknown or not the same.
    """
    sizes = [pixel_size_of(image, spatial) for image in images]
    first = sizes[0]
    alike = all(
        each and all(_is_same(a / b) for a, b in zip(each, first, strict=True)) for each in sizes
    )
    return first if alike else ()


def pixel_size_factors(
    image: Image, spatial: str, pixel_size: Sequence[float], width: float | None = None
) -> tuple[float, ...]:
    """Return the factors that bring an image to another pixel size.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` or ``"ZYX"``.
    pixel_size
        The other pixel size, in micrometers along these axes; empty if unknown.
    width
        Width of the image's pixels in micrometers, whatever the image states; the other sides are taken
        to be in proportion to those of `pixel_size`. None: as the image states.

    Returns
    -------
    tuple of float
        New pixels per old one along each axis. Empty if a pixel size is unknown, or they differ so much
        that one must be wrong.
    """
    if width is None:
        own = pixel_size_of(image, spatial)
    else:
        own = tuple(size * width / pixel_size[-1] for size in pixel_size)
    if not own or not pixel_size:
        return ()
    factors = tuple(size / target for size, target in zip(own, pixel_size, strict=True))
    plausible = all(1 / MAX_FACTOR <= f <= MAX_FACTOR for f in factors)
    return factors if plausible else ()


def diameter_factors(
    image: Image,
    spatial: str,
    diameter: float,
    learnt: float,
    pixel_size: Sequence[float] = (),
) -> tuple[float, ...]:
    """Return the factors that bring objects to the diameter that a network learnt.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` or ``"ZYX"``.
    diameter
        Diameter of its objects, in pixels along X.
    learnt
        Diameter of the objects that the network learnt, in pixels along X.
    pixel_size
        The network's pixel size, for the proportions of its voxels; empty if unknown.

    Returns
    -------
    tuple of float
        New pixels per old one along each axis: the same along all, but where the voxels of image and
        network are known to have other proportions.
    """
    factor = 1.0 if is_same_diameter(diameter, learnt) else learnt / diameter
    return tuple(factor * each for each in proportions(image, spatial, pixel_size))


def is_same_diameter(diameter: float, learnt: float) -> bool:
    """Whether a network that learnt objects of one diameter is shown those of another as they are."""
    smallest, largest = SAME_DIAMETER
    return smallest <= diameter / learnt <= largest


def proportions(image: Image, spatial: str, pixel_size: Sequence[float]) -> tuple[float, ...]:
    """Return how much longer an image's pixels are along each axis than a network's, relative to X."""
    own = pixel_size_of(image, spatial)
    if not own or not pixel_size:
        return (1.0,) * len(spatial)
    relative = [a / own[-1] / (b / pixel_size[-1]) for a, b in zip(own, pixel_size, strict=True)]
    plausible = all(1 / MAX_FACTOR <= each <= MAX_FACTOR for each in relative)
    return tuple(relative) if plausible else (1.0,) * len(spatial)


def rescaled_shape(image: Image, spatial: str, factors: Sequence[float]) -> tuple[int, ...] | None:
    """Return the spatial shape that an image has after resampling.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` or ``"ZYX"``.
    factors
        New pixels per old one along these axes; empty if it is not known how many are needed.

    Returns
    -------
    tuple of int or None
        None if the image should not be resampled, as factors are unknown or nearly 1.
    """
    if all(map(_is_same, factors)):
        return None
    return tuple(max(round(image.sizes[a] * f), 1) for a, f in zip(spatial, factors, strict=True))


def _is_same(factor: float) -> bool:
    return 1 / SAME_SIZE_FACTOR <= factor <= SAME_SIZE_FACTOR
