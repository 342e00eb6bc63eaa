"""Whether labels match an image pixel for pixel, and how to make them match."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image, Lazy

NEW_LAYER = "paint on a new labels layer made for this image"

SCALE_TOLERANCE = 1e-3
"""Relative difference of pixel sizes that counts as none."""

OFFSET_TOLERANCE = 1e-3
"""Offset in pixels that counts as none."""


def check_alignment(
    image: Image, labels: Lazy, scale: Mapping[str, float], offset: Mapping[str, float], name: str
) -> None:
    """Check that labels are whole numbers with the shape, pixel size and position of an image.

    Parameters
    ----------
    image
        The image.
    labels
        The labels, with the axes of the image except the channels.
    scale
        Pixel size of the labels along each axis where it is known, in the image's unit.
    offset
        Position of their first pixel along each axis, in pixels of the image.
    name
        Name of the labels, for messages.

    Raises
    ------
    UserError
        When one of these differs; says how.
    """
    if labels.dtype.kind not in "iub":
        raise UserError(
            f"{name!r} does not hold whole numbers",
            value=f"{labels.dtype} values",
            rule="Labels are whole numbers, each the class or object of a pixel.",
            remedy="Convert them, for example with array.astype(int) or 'Convert to Labels' in napari.",
        )
    if tuple(labels.shape) != image.label_shape:
        raise _wrong_shape(image, tuple(labels.shape), name)
    check_placement(image, scale, offset, name)


def check_placement(
    image: Image, scale: Mapping[str, float], offset: Mapping[str, float], name: str
) -> None:
    """Check that labels have the pixel size and position of an image.

    Parameters
    ----------
    image, scale, offset, name
        As for `check_alignment`.

    Raises
    ------
    UserError
        When one of them differs; says how.
    """
    ratios = {a: scale[a] / image.scale.get(a, 1.0) for a in image.label_axes if a in scale}
    wrong = {a: r for a, r in ratios.items() if not abs(r - 1) < SCALE_TOLERANCE}
    if wrong:
        raise UserError(
            f"The pixels of {name!r} are not as large as those of {image.name!r}",
            value=", ".join(f"{r:g} times as large along {a}" for a, r in wrong.items()),
            rule="Labels need as many pixels as their image, of the same size.",
            remedy="If they do belong together pixel by pixel, fit the labels to the image: a button in "
            f"'Fine-tune', '--resample' on the command line. Otherwise {NEW_LAYER}.",
        )
    moved = {a: d for a, d in offset.items() if abs(d) > OFFSET_TOLERANCE}
    if moved:
        raise UserError(
            f"{name!r} is shifted against {image.name!r}",
            value=", ".join(f"{d:g} pixels along {a}" for a, d in moved.items()),
            rule="Labels start where their image starts.",
            remedy="If they do belong together pixel by pixel, move the labels onto the image: a button "
            f"in 'Fine-tune'. Otherwise {NEW_LAYER}.",
        )


def integer_factors(image: Image, shape: Sequence[int]) -> dict[str, Fraction] | None:
    """Return by how much labels are smaller than an image along each axis.

    Parameters
    ----------
    image
        The image.
    shape
        Shape of the labels.

    Returns
    -------
    dict or None
        For each label axis of the image, its length divided by that of the labels: n where they are
        n times smaller, 1/n where they are larger. None if a factor is neither, or the number of axes
        differs.
    """
    if len(shape) != len(image.label_shape) or 0 in shape:
        return None
    pairs = zip(image.label_axes, image.label_shape, shape, strict=True)
    factors = {a: Fraction(wanted, n) for a, wanted, n in pairs}
    whole = all(1 in (f.numerator, f.denominator) for f in factors.values())
    return factors if whole else None


def resample_labels(image: Image, labels: Lazy) -> NDArray[Any]:
    """Bring labels to the shape of an image by repeating or leaving out pixels.

    Parameters
    ----------
    image
        The image.
    labels
        Labels with the same number of axes, smaller or larger by a whole factor along each.

    Returns
    -------
    ndarray
        The labels with the label shape of the image, in memory; it contains no new values.

    Raises
    ------
    UserError
        When the shapes do not differ by whole factors.
    """
    factors = integer_factors(image, labels.shape)
    if factors is None:
        raise _wrong_shape(image, tuple(labels.shape), "labels")
    out = np.asarray(
        labels[tuple(slice(f.denominator // 2, None, f.denominator) for f in factors.values())]
    )
    for axis, f in enumerate(factors.values()):
        out = out.repeat(f.numerator, axis=axis)
    return out


def _wrong_shape(image: Image, shape: tuple[int, ...], name: str) -> UserError:
    """Build the error for another shape; it names the whole factors between them if there are any."""
    rule = "Labels need as many pixels as their image along each axis except the channels."
    value = f"{shape} for an image of shape {image.label_shape} along {image.label_axes}"
    factors = integer_factors(image, shape)
    if factors is None:
        return UserError(
            f"{name!r} has another shape than {image.name!r}",
            value=value,
            rule=rule,
            remedy=f"Choose the labels that belong to this image, or {NEW_LAYER}.",
        )
    differences = [
        f"{max(f.numerator, f.denominator)}× {'smaller' if f > 1 else 'larger'} along {a}"
        for a, f in factors.items()
        if f != 1
    ]
    return UserError(
        f"{name!r} is {' and '.join(differences)} than {image.name!r}",
        value=value,
        rule=rule,
        remedy="Fit the labels to the image: a button in 'Fine-tune', '--resample' on the command line, "
        f"napari_unet.core.image.alignment.resample_labels in Python. Or {NEW_LAYER}.",
    )
