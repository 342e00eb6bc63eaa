"""What a predictor yields for each finished window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Outputs(Progress):
    """The network's finished outputs for one window of one frame.

    Attributes
    ----------
    frame
        The plane or volume.
    write
        The window.
    values
        (out_channels, *window) float32: probabilities where the model has an activation.
    """

    frame: Frame
    write: Box
    values: NDArray[np.float32]


UINT8_SCALE = 255
"""Values are kept in whole steps from 0 to this, which stand for 0 to 1."""


def to_uint8(maps: NDArray[Any]) -> NDArray[np.uint8]:
    """Return maps in steps of 1/255, a byte each, which is as fine as any threshold needs.

    Parameters
    ----------
    maps
        Values from 0 to 1, or levels already.

    Raises
    ------
    UserError
        When a value is not a number.
    """
    if maps.dtype == np.uint8:
        return maps
    # both are NaN if any value is
    low, high = maps.min(initial=0), maps.max(initial=0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(
            "What the network says holds values that are not numbers",
            value=f"{int((~np.isfinite(maps)).sum()):,} of {maps.size:,}",
            rule="Every value is a number from 0 to 1.",
            remedy="Segment again with precision 'float32'. If that doesn't help, the model is damaged.",
        )
    scaled = np.multiply(maps, UINT8_SCALE, dtype=np.float32)
    if low < 0 or high > 1:
        np.clip(scaled, 0, UINT8_SCALE, out=scaled)
    levels = np.empty(maps.shape, np.uint8)
    np.add(scaled, 0.5, out=levels, casting="unsafe")
    return levels


def label_dtype(spec: ModelSpec, objects: bool = False) -> np.dtype[Any]:
    """Smallest unsigned type that holds a model's label values, or any number of objects."""
    if objects:
        return np.dtype(np.uint32)
    return np.min_scalar_type(max(spec.label_names, default=1))


def to_labels(values: NDArray[Any], spec: ModelSpec, threshold: float) -> NDArray[Any]:
    """Turn a block of outputs, (classes, …), into label values, (…).

    With softmax, the most probable class. Else the most probable of the classes whose probability
    exceeds the threshold, counted from 1, 0 where none does; in steps of
    `to_uint8`, so that kept levels give the same labels. Of a model that
    tells objects apart, 1 in the foreground: objects are found in whole frames only.
    """
    if spec.activation == "softmax":
        best = values.argmax(axis=0)
    else:
        levels = to_uint8(values[:1] if spec.task == "objects" else values)
        best = (levels.argmax(axis=0) + 1) * (levels.max(axis=0) > threshold * UINT8_SCALE)
    found: NDArray[Any] = best.astype(label_dtype(spec))
    return found
