"""From the network's outputs to label values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.levels import LEVELS, to_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.model import ModelSpec


def label_dtype(spec: ModelSpec, objects: bool = False) -> np.dtype[Any]:
    """Smallest unsigned type that holds a model's label values, or any number of objects."""
    if objects:
        return np.dtype(np.uint32)
    return np.min_scalar_type(max(spec.label_names, default=1))


def to_labels(values: NDArray[Any], spec: ModelSpec, threshold: float) -> NDArray[Any]:
    """Turn a block of outputs, (classes, …), into label values, (…).

    With softmax, the most probable class. Else the most probable of the classes whose probability
    exceeds the threshold, counted from 1, 0 where none does; in steps of
    :func:`~napari_unet.core.levels.to_levels`, so that kept levels give the same labels. Of a model that
    tells objects apart, 1 in the foreground: objects are found in whole frames only.
    """
    if spec.activation == "softmax":
        best = values.argmax(axis=0)
    else:
        levels = to_levels(values[:1] if spec.task == "objects" else values)
        best = (levels.argmax(axis=0) + 1) * (levels.max(axis=0) > threshold * LEVELS)
    found: NDArray[Any] = best.astype(label_dtype(spec))
    return found
