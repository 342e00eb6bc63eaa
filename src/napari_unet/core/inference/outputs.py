"""The outputs of a network: windows of them, as uint8 probabilities, and as labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.missing import missing_pixels
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Outputs(Progress):
    r"""The finished outputs of a network for a window of a frame, as a step of the progress.

    Attributes
    ----------
    frame
        The plane or volume.
    write
        The window of the frame.
    values
        (out_channels, \*window) float32: probabilities, 0 to 1, where the model has an activation.
    missing
        Number of pixels of the window that lack data.
    """

    frame: Frame
    write: Box
    values: NDArray[np.float32]
    missing: int = 0


def background_where_missing(outputs: Outputs, spec: ModelSpec) -> Outputs:
    """Make background of the pixels that lack data.

    Parameters
    ----------
    outputs
        A window, on the image's own pixels.
    spec
        The model's description.
    """
    if not outputs.frame.image.may_lack_data:
        return outputs
    missing = missing_pixels(outputs.frame.read(outputs.write))
    if missing is None:
        return outputs
    values = outputs.values.copy()
    values[:, missing] = 0
    if spec.activation == "softmax":
        values[0, missing] = 1
    return replace(outputs, values=values, missing=int(missing.sum()))


UINT8_SCALE = 255
"""The uint8 value that stands for a probability of 1."""


def to_uint8(outputs: NDArray[Any]) -> NDArray[np.uint8]:
    """Round outputs to uint8 probabilities, in steps of 1/255: as fine as any threshold needs.

    Parameters
    ----------
    outputs
        Values from 0 to 1; what lies outside is clipped. uint8 probabilities are returned as they are.

    Returns
    -------
    ndarray of uint8
        The same shape, 0 to 255.

    Raises
    ------
    UserError
        When a value is not a number.
    """
    if outputs.dtype == np.uint8:
        return outputs
    # both are NaN if any value is
    low, high = outputs.min(initial=0), outputs.max(initial=0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(
            "The network's outputs contain values that are not numbers",
            value=f"{int((~np.isfinite(outputs)).sum()):,} of {outputs.size:,}",
            rule="Every probability is a number from 0 to 1.",
            remedy="Segment again with precision 'float32'. If that doesn't help, the model is damaged.",
        )
    scaled = np.multiply(outputs, UINT8_SCALE, dtype=np.float32)
    if low < 0 or high > 1:
        np.clip(scaled, 0, UINT8_SCALE, out=scaled)
    rounded = np.empty(outputs.shape, np.uint8)
    np.add(scaled, 0.5, out=rounded, casting="unsafe")
    return rounded


def label_dtype(spec: ModelSpec, objects: bool = False) -> np.dtype[Any]:
    """Return the type of a model's labels.

    Parameters
    ----------
    spec
        The model's description.
    objects
        Whether the labels are numbers of objects.

    Returns
    -------
    dtype
        uint32 for objects; otherwise the smallest unsigned type that holds all label values.
    """
    if objects:
        return np.dtype(np.uint32)
    return np.min_scalar_type(max(spec.label_names, default=1))


def to_labels(values: NDArray[Any], spec: ModelSpec, threshold: float) -> NDArray[Any]:
    """Turn outputs into labels of classes.

    Parameters
    ----------
    values
        (out_channels, …): probabilities, or uint8 probabilities, which give the same labels.
    spec
        The model's description.
    threshold
        Probability that a class must exceed, 0 to 1; no effect with softmax.

    Returns
    -------
    ndarray
        (…), of `label_dtype`. With softmax, the index of the most probable class. Otherwise the most
        probable of the classes that exceed the threshold, counted from 1, and 0 where none does. For a
        model of objects, 1 in the foreground: objects are only found in whole frames.
    """
    if spec.activation == "softmax":
        best = values.argmax(axis=0)
    else:
        rounded = to_uint8(values[:1] if spec.task == "objects" else values)
        best = (rounded.argmax(axis=0) + 1) * (rounded.max(axis=0) > threshold * UINT8_SCALE)
    labels: NDArray[Any] = best.astype(label_dtype(spec))
    return labels
