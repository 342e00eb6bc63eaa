"""Whether labels lie on their image pixel for pixel, and what would make them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image, Lazy

NEW_LAYER = "paint in a new labels layer made for this image"


def check_alignment(
    image: Image, labels: Lazy, scale: Mapping[str, float], offset: Mapping[str, float], name: str
) -> None:
    """Raise a `UserError` unless labels have an image's shape, scale and place, and are whole.

    Parameters
    ----------
    image
        The image.
    labels
        The labels, with the axes of the image but its channels.
    scale
        Pixel size of the labels where it is known, in the image's unit.
    offset
        Where their first pixel lies, in pixels of the image.
    name
        What to call the labels.
    """
    if labels.dtype.kind not in "iub":
        raise UserError(
            f"{name!r} does not hold whole numbers",
            value=f"{labels.dtype} values",
            rule="Labels are whole numbers: each says what a pixel is.",
            remedy="Convert them, for example with array.astype(int) or napari's Convert to Labels.",
        )
    if tuple(labels.shape) != image.label_shape:
        raise _wrong_shape(image, tuple(labels.shape), name)
    check_placement(image, scale, offset, name)


def check_placement(
    image: Image, scale: Mapping[str, float], offset: Mapping[str, float], name: str
) -> None:
    """Raise a `UserError` unless labels have an image's scale and place, as `check_alignment`."""
    ratios = {a: scale[a] / image.scale.get(a, 1.0) for a in image.label_axes if a in scale}
    wrong = {a: r for a, r in ratios.items() if not 0.999 < r < 1.001}
    if wrong:
        told = ", ".join(f"{r:g} times along {a}" for a, r in wrong.items())
        raise UserError(
            f"The pixels of {name!r} are not as large as those of {image.name!r}",
            value=told,
            rule="Labels and image need the same number of pixels of the same size.",
            remedy="If they do belong pixel to pixel, lay them on the image: a button in 'Fine-tune', "
            f"'--resample' on the command line. Else {NEW_LAYER}.",
        )
    moved = {a: d for a, d in offset.items() if abs(d) > 1e-3}
    if moved:
        told = ", ".join(f"{d:g} pixels along {a}" for a, d in moved.items())
        raise UserError(
            f"{name!r} lies beside {image.name!r}",
            value=told,
            rule="Labels start where their image starts.",
            remedy="If they do belong pixel to pixel, lay them on the image: a button in 'Fine-tune' "
            f"gives them its place. Else {NEW_LAYER}.",
        )


def integer_factors(image: Image, shape: Sequence[int]) -> dict[str, Fraction] | None:
    """Return by how much labels are smaller along each axis, if all such factors are n or 1/n."""
    if len(shape) != len(image.label_shape) or 0 in shape:
        return None
    pairs = zip(image.label_axes, image.label_shape, shape, strict=True)
    found = {a: Fraction(wanted, n) for a, wanted, n in pairs}
    whole = all(1 in (f.numerator, f.denominator) for f in found.values())
    return found if whole else None


def resample_labels(image: Image, labels: Lazy) -> NDArray[Any]:
    """Bring labels to an image's shape by repeating pixels, or leaving pixels out.

    Parameters
    ----------
    image
        The image.
    labels
        Labels with as many axes, smaller or larger by a whole factor along each.

    Returns
    -------
    ndarray
        The labels with the shape of the image, in memory; no value that was not there.

    Raises
    ------
    UserError
        When no whole factor leads from one shape to the other.
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
    """Say how the shape differs, and the whole factor by which, if there is one."""
    rule = "Labels have the image's number of pixels along each of its axes but the channels."
    value = f"{shape} for an image of {image.label_shape} along {image.label_axes}"
    factors = integer_factors(image, shape)
    if factors is None:
        return UserError(
            f"{name!r} has another shape than {image.name!r}",
            value=value,
            rule=rule,
            remedy=f"Choose the labels that belong to this image, or {NEW_LAYER}.",
        )
    told = [
        f"{max(f.numerator, f.denominator)}× {'smaller' if f > 1 else 'larger'} along {a}"
        for a, f in factors.items()
        if f != 1
    ]
    return UserError(
        f"{name!r} is {' and '.join(told)} than {image.name!r}",
        value=value,
        rule=rule,
        remedy="Resample the labels to the image: a button in 'Fine-tune', '--resample' on the command "
        f"line, core.label_fit.resample_labels in Python. Or {NEW_LAYER}.",
    )
