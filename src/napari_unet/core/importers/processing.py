"""Pre- and postprocessing of a bioimage.io package as our normalisation and activation."""

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
HUGE = float(np.finfo(np.float32).max)


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


class _UnlikeError(ValueError):
    """Steps that a `Normalization` can't do one after the other."""


def normalization(tensor: TensorDescription) -> Normalization:
    """Turn the preprocessing of an input into one normalisation.

    Raises
    ------
    UserError
        When the steps are none that a `Normalization` can do.
    """
    found = Normalization(kind="linear")
    try:
        for step in tensor.preprocessing:
            found = _then(found, step, tensor)
    except (ValidationError, _UnlikeError) as error:
        raise _refused("preprocessing", tensor.preprocessing) from error
    return found


def _then(found: Normalization, step: Step, tensor: TensorDescription) -> Normalization:
    """Append a step to what the steps before it make."""
    if step.id == "ensure_dtype":
        return found
    if found.clip is not None:
        raise _UnlikeError("clipping comes last")
    match step.id:
        case "clip":
            clip = _Clip.model_validate(step.settings)
            low = -HUGE if clip.min is None else clip.min
            high = HUGE if clip.max is None else clip.max
            return found.model_copy(update={"clip": (low, high)})
        case "scale_linear":
            linear = _Linear.model_validate(step.settings)
            return _scaled(found, _each(linear.gain), _each(linear.offset))
        case "fixed_zero_mean_unit_variance":
            fixed = _Fixed.model_validate(step.settings)
            gain = 1 / (_each(fixed.std) + fixed.eps)
            return _scaled(found, gain, -_each(fixed.mean) * gain)
        case "zero_mean_unit_variance":
            measured = _Measured.model_validate(step.settings)
            return Normalization(kind="zscore", **_statistics(found, measured, tensor))
        case "scale_range":
            span = _Range.model_validate(step.settings)
            if span.reference_tensor not in (None, tensor.id):
                raise _UnlikeError("measured on another tensor")
            return Normalization(
                kind="percentile",
                low=span.min_percentile,
                high=span.max_percentile,
                **_statistics(found, span, tensor),
            )
    raise _UnlikeError(f"{step.id} is no normalisation")


def _each(numbers: Numbers) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(numbers, dtype=np.float64))


def _scaled(
    found: Normalization,
    gain: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> Normalization:
    """Follow a linear map by another."""
    if found.kind != "linear":
        raise _UnlikeError("a linear map after measuring")
    return Normalization(
        kind="linear",
        gain=tuple((_each(found.gain) * gain).tolist()),
        offset=tuple((_each(found.offset) * gain + offset).tolist()),
    )


def _statistics(
    found: Normalization, kwargs: _Measured, tensor: TensorDescription
) -> dict[str, Any]:
    """Say over what a measured normalisation is measured, and with which epsilon."""
    ids = {axis.id if axis.type == "space" else axis.type for axis in tensor.axes}
    axes = ids if kwargs.axes is None else set(kwargs.axes)
    if found.kind != "linear" or not ids - {"batch", "channel"} <= axes <= ids:
        raise _UnlikeError("measured twice, or along some spatial axes only")
    # measuring undoes a linear map, but for the epsilon, which is scaled
    gains = set(found.gain)
    if len(gains) > 1 or min(gains) <= 0:
        raise _UnlikeError("measured after a different gain for each channel")
    return {
        "per_channel": "channel" not in axes,
        "scope": "image" if "batch" in axes else "frame",
        "epsilon": kwargs.eps / min(gains),
    }


def activation(tensor: TensorDescription) -> Activation | None:
    """Activation that the postprocessing of an output applies; None if it applies none.

    Raises
    ------
    UserError
        When it does anything else.
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
    can = {
        "preprocessing": "a linear scaling, or zero mean and unit variance, or a range of "
        "percentiles, over whole planes or volumes, and clipping after it",
        "postprocessing": "a sigmoid or softmax",
    }
    return UserError(
        f"The package's {what} can't be done here",
        value=", ".join(f"{step.id} {step.settings or ''}".strip() for step in steps),
        rule=f"Its {what} may be {can[what]}.",
        remedy="Open the package's weights file by itself and set the normalisation by hand.",
    )
