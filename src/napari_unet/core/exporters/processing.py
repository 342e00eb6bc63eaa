"""Normalisation and activation as the pre- and postprocessing of a bioimage.io package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.model.spec import ModelSpec


def preprocessing(normalization: Normalization, spatial: str) -> list[dict[str, Any]]:
    """Return the steps of a normalisation.

    Parameters
    ----------
    normalization
        The normalisation. Of `divide_255` only the division is told: a package has no "if".
    spatial
        Spatial axes, ``YX`` or ``ZYX``.
    """
    axes = [
        *(["batch"] if normalization.scope == "image" else []),
        *([] if normalization.per_channel else ["channel"]),
        *spatial.lower(),
    ]
    measured = {"axes": axes, "eps": normalization.epsilon}
    steps: list[dict[str, Any]] = []
    match normalization.kind:
        case "linear":
            gain, offset = list(normalization.gain), list(normalization.offset)
            if len(gain) == len(offset) == 1:
                if (gain[0], offset[0]) != (1, 0):
                    steps.append(_step("scale_linear", gain=gain[0], offset=offset[0]))
            else:
                n = max(len(gain), len(offset))
                gain, offset = gain * (n // len(gain)), offset * (n // len(offset))
                steps.append(_step("scale_linear", axis="channel", gain=gain, offset=offset))
        case "divide_255":
            steps.append(_step("scale_linear", gain=1 / 255, offset=0.0))
        case "zscore":
            steps.append(_step("zero_mean_unit_variance", **measured))
        case "percentile":
            low, high = normalization.low, normalization.high
            steps.append(_step("scale_range", min_percentile=low, max_percentile=high, **measured))
    if normalization.clip is not None:
        low, high = normalization.clip
        steps.append(_step("clip", min=low, max=high))
    return steps


def postprocessing(spec: ModelSpec) -> list[dict[str, Any]]:
    """Return the step of a model's activation."""
    if spec.activation == "softmax":
        return [_step("softmax", axis="channel")]
    return [_step("sigmoid")] if spec.activation == "sigmoid" else []


def _step(name: str, **settings: Any) -> dict[str, Any]:
    return {"id": name, "kwargs": settings} if settings else {"id": name}
