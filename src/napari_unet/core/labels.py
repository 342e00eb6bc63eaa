"""From the network's outputs to label values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.model import ModelSpec


def label_dtype(spec: ModelSpec, objects: bool = False) -> np.dtype[Any]:
    """Smallest unsigned type that holds a model's label values, or any number of objects."""
    if objects:
        return np.dtype(np.uint32)
    return np.min_scalar_type(max(spec.label_names, default=1))


def to_labels(values: NDArray[np.float32], spec: ModelSpec, threshold: float) -> NDArray[Any]:
    """Turn a block of outputs, (classes, …), into label values, (…).

    With softmax, the most probable class. Else the most probable of the classes whose probability
    exceeds the threshold, counted from 1; 0 where none does. Of a model that tells objects apart, 1 in
    the foreground: objects are found in whole frames only.
    """
    if spec.task == "objects":
        values = values[:1]
    best = values.argmax(axis=0)
    if spec.activation != "softmax":
        best = (best + 1) * (values.max(axis=0) > threshold)
    found: NDArray[Any] = best.astype(label_dtype(spec))
    return found
