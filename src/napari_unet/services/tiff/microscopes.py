"""What TIFF files of Zeiss (LSM) and MetaMorph (STK) state beside the tags that all TIFF files have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.axes import MICROMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

METRE = 1e6
"""Micrometers."""


def lsm_calibration(metadata: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """Return voxel size and unit of an LSM file, which states metres and seconds."""
    scale = {a: _positive(metadata.get(f"VoxelSize{a}"), METRE) for a in "ZYX"}
    scale["T"] = _positive(metadata.get("TimeIntervall"))
    stated = {a: size for a, size in scale.items() if size}
    return stated, "micrometer" if stated.keys() & set("ZYX") else "pixel"


def lsm_channels(metadata: Mapping[str, Any]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Return the names of the channels of an LSM file, and their colours: red, green and blue."""
    stated = metadata.get("ChannelColors") or {}
    names = [str(name).strip("\0 ") for name in stated.get("ColorNames", ())]
    return names, [tuple(int(part) for part in colour[:3]) for colour in stated.get("Colors", ())]


def stk_calibration(metadata: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """Return voxel size and unit of a stack of MetaMorph."""
    unit = str(metadata.get("CalibrationUnits", "")).strip("\0 ").lower()
    factor = MICROMETERS.get(unit)
    if factor is None:
        return {}, "pixel"
    sizes = {a: _positive(metadata.get(f"{a}Calibration"), factor) for a in "YX"}
    steps = np.abs(np.ravel(np.asarray(metadata.get("ZDistance", ()), np.float64)))
    # the last plane has no next one
    sizes["Z"] = _positive(np.median(steps[steps > 0]), factor) if (steps > 0).any() else None
    scale = {a: size for a, size in sizes.items() if size}
    return scale, "micrometer" if scale else "pixel"


def _positive(value: Any, factor: float = 1.0) -> float | None:
    try:
        number = float(value) * factor
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None
