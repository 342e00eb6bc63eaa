"""Which interpolation the operator Resize stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.core.importers.families.layouts import NotThisLayoutError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")


def whole_factors(shape: Sequence[int], scales: Any, sizes: Any) -> tuple[int, ...]:
    """Return by what each spatial axis is enlarged.

    Parameters
    ----------
    shape
        Of the features: 1, channels and size.
    scales, sizes
        Inputs of the operator, of which one may be left out.

    Raises
    ------
    NotThisLayoutError
        When they are no whole numbers, or other axes change.
    """
    if sizes is not None and np.size(sizes) == len(shape):
        factors = np.asarray(sizes) / np.asarray(shape)
    else:
        factors = np.asarray(scales, np.float64)
    whole = tuple(round(factor) for factor in factors.reshape(-1).tolist())
    if len(whole) != len(shape) or whole[:2] != (1, 1) or not np.allclose(factors, whole):
        raise NotThisLayoutError("it changes sizes by other than whole factors")
    return whole[2:]


def interpolation(
    attributes: Mapping[str, Any], factor: Sequence[int]
) -> Literal["nearest", "linear"]:
    """Return how pixels are interpolated.

    Raises
    ------
    NotThisLayoutError
        When no layer does it in this way.
    """
    mode = attributes.get("mode", "nearest")
    how = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "linear" and how in HALF_PIXEL:
        return "linear"
    # where pixels are doubled, half pixels come to the same, however they are rounded
    floor = (how, attributes.get("nearest_mode", "")) == ("asymmetric", "floor")
    if mode == "nearest" and (floor or (how in HALF_PIXEL and max(factor) <= 2)):
        return "nearest"
    raise NotThisLayoutError(f"it interpolates in a way of its own ({mode}, {how})")
