"""Translating the pre- and postprocessing of a bioimage.io package to normalisation and activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.importers.descriptions import Step, TensorDescription

Activation = Literal["softmax", "sigmoid", "none"]
Numbers = float | tuple[float, ...]
MAX_FLOAT32 = float(np.finfo(np.float32).max)

SUPPORTED = {
    "preprocessing": "a linear scaling, zero mean and unit variance, or a range of percentiles, "
    "measured over whole planes or volumes, and then clipping",
    "postprocessing": "a sigmoid or softmax",
}


class _Kwargs(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Linear(_Kwargs):
    axis: Literal["channel"] | None = None
    axes: tuple[str, ...] | None = None
    gain: Numbers = 1.0
    offset: Numbers = 0.0


class _Fixed(_Kwargs):
    axis: Literal["channel"] | None = None
    axes: tuple[str, ...] | None = None
    mean: Numbers
    std: Numbers
    eps: float = Field(1e-6, gt=0)


class _Measured(_Kwargs):
    axes: tuple[str, ...] | None = None
    eps: float = Field(1e-6, gt=0)


class _Range(_Measured):
    min_percentile: float = Field(0.0, ge=0, lt=100)
    max_percentile: float = Field(100.0, gt=1, le=100)
    reference_tensor: str | None = None


class _Clip(_Kwargs):
    min: float | None = None
    max: float | None = None


class _Softmax(_Kwargs):
    axis: Literal["channel"] = "channel"


class _UnsupportedError(ValueError):
    """A sequence of steps that no `Normalization` is equal to."""


def normalization(tensor: TensorDescription) -> Normalization:
    """Translate the preprocessing of an input to a normalisation.

    Raises
    ------
    UserError
        When no `Normalization` is equal to its steps.
    """
    result = Normalization(kind="linear")
    try:
        for step in tensor.preprocessing:
            result = _append(result, step, tensor)
    except (ValidationError, _UnsupportedError) as error:
        raise _refused("preprocessing", tensor.preprocessing) from error
    return result


def _append(before: Normalization, step: Step, tensor: TensorDescription) -> Normalization:
    """Append a step to the normalisation that the steps before it amount to."""
    if step.id == "ensure_dtype":
        return before
    if before.clip is not None:
        raise _UnsupportedError("a step after clipping")
    match step.id:
        case "clip":
            clip = _Clip.model_validate(step.settings)
            low = -MAX_FLOAT32 if clip.min is None else clip.min
            high = MAX_FLOAT32 if clip.max is None else clip.max
            return before.model_copy(update={"clip": (low, high)})
        case "scale_linear":
            linear = _Linear.model_validate(step.settings)
            return _scale(before, _as_array(linear.gain), _as_array(linear.offset))
        case "fixed_zero_mean_unit_variance":
            fixed = _Fixed.model_validate(step.settings)
            gain = 1 / (_as_array(fixed.std) + fixed.eps)
            return _scale(before, gain, -_as_array(fixed.mean) * gain)
        case "zero_mean_unit_variance":
            measured = _Measured.model_validate(step.settings)
            return Normalization(kind="zscore", **_statistics(before, measured, tensor))
        case "scale_range":
            span = _Range.model_validate(step.settings)
            if span.reference_tensor not in (None, tensor.id):
                raise _UnsupportedError("measured on another tensor")
            return Normalization(
                kind="percentile",
                low=span.min_percentile,
                high=span.max_percentile,
                **_statistics(before, span, tensor),
            )
    raise _UnsupportedError(f"{step.id} is not a normalisation")


def _as_array(numbers: Numbers) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(numbers, dtype=np.float64))


def _scale(
    before: Normalization,
    gain: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> Normalization:
    """Append a linear map to a linear map."""
    if before.kind != "linear":
        raise _UnsupportedError("a linear map after a measured normalisation")
    return Normalization(
        kind="linear",
        gain=tuple((_as_array(before.gain) * gain).tolist()),
        offset=tuple((_as_array(before.offset) * gain + offset).tolist()),
    )


def _statistics(
    before: Normalization, kwargs: _Measured, tensor: TensorDescription
) -> dict[str, Any]:
    """Return what a normalisation is measured over, and its epsilon."""
    ids = {axis.id if axis.type == "space" else axis.type for axis in tensor.axes}
    axes = ids if kwargs.axes is None else set(kwargs.axes)
    if before.kind != "linear" or not ids - {"batch", "channel"} <= axes <= ids:
        raise _UnsupportedError("measured twice, or along some of the spatial axes only")
    # measuring undoes a linear map, except that the epsilon is scaled
    gains = set(before.gain)
    if len(gains) > 1 or min(gains) <= 0:
        raise _UnsupportedError("measured after a different gain for each channel")
    return {
        "per_channel": "channel" not in axes,
        "scope": "image" if "batch" in axes else "frame",
        "epsilon": kwargs.eps / min(gains),
    }


def activation(tensor: TensorDescription) -> Activation | None:
    """Return the activation in the postprocessing of an output; None if there is none.

    Raises
    ------
    UserError
        When the postprocessing does anything else.
    """
    steps = [step for step in tensor.postprocessing if not _to_float(step)]
    try:
        match [step.id for step in steps]:
            case []:
                return None
            case ["sigmoid"]:
                return "sigmoid"
            case ["softmax"]:
                _Softmax.model_validate(steps[0].settings)
                return "softmax"
    except ValidationError as error:
        raise _refused("postprocessing", tensor.postprocessing) from error
    raise _refused("postprocessing", tensor.postprocessing)


def _to_float(step: Step) -> bool:
    return step.id == "ensure_dtype" and str(step.settings.get("dtype", "")).startswith("float")


def _refused(what: str, steps: tuple[Step, ...]) -> UserError:
    return UserError(
        f"The {what} of this package is not supported",
        value=", ".join(f"{step.id} {step.settings or ''}".strip() for step in steps),
        rule=f"Its {what} may be {SUPPORTED[what]}.",
        remedy="Open its weights file by itself and set the normalisation yourself.",
    )
