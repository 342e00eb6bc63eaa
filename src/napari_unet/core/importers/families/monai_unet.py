"""MONAI's UNet, with or without residual units.

Kerfoot et al. 2019, 10.1007/978-3-030-12029-0_40; names as in Project-MONAI/MONAI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_unet.core.importers.families.builder import IMAGE, Builder
from napari_unet.core.importers.families.monai import described

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside, Recognised


def monai_unet(tensors: Tensors, beside: Beside) -> Recognised | None:
    """Recognise MONAI's UNet: levels nested into each other as ``1.submodule``."""
    residual = "0.conv.unit0.conv.weight" in tensors
    first = "0.conv.unit0.conv" if residual else "0.conv"
    nested = any(key.startswith("1.submodule.") for key in tensors)
    if f"{first}.weight" not in tensors or not nested:
        return None
    build = Builder(tensors, first)
    strides = _strides(beside)
    _Levels(build, residual, strides).level(IMAGE, "", 0)
    assumed = "" if strides else " Strides that the weights do not tell are taken to be 2."
    return described("UNet", build.finish(), assumed)


def _strides(beside: Beside) -> list[Any]:
    """Return the strides among the saved options, if there are any."""
    options = beside.get("hyper_parameters") or beside.get("config") or {}
    strides = options.get("strides") if isinstance(options, Mapping) else None
    return list(strides) if isinstance(strides, (list, tuple)) else []


class _Levels:
    def __init__(self, build: Builder, residual: bool, strides: list[Any]) -> None:
        self._build = build
        self._residual = residual
        self._strides = strides

    def level(self, x: int, prefix: str, depth: int) -> int:
        """Add a level with all that is nested in it."""
        build = self._build
        stride = self._stride(f"{prefix}0", depth)
        down = self._down(x, f"{prefix}0", stride)
        inside = f"{prefix}1.submodule"
        if any(key.startswith(f"{inside}.1.submodule.") for key in build.remaining):
            below = self.level(down, f"{inside}.", depth + 1)
        else:
            below = self._down(down, inside, 1)
        joined = build.concatenate(down, below)
        # the top level ends in a convolution
        is_top = depth == 0
        name = f"{prefix}2.0" if self._residual else f"{prefix}2"
        out = build.transposed(joined, f"{name}.conv", stride, self._half(f"{name}.conv"))
        if not self._residual:
            return out if is_top else self._activated(out, f"{name}.adn")
        return self._units(self._activated(out, f"{name}.adn"), f"{prefix}2.1", 1, end=is_top)

    def _half(self, name: str) -> tuple[int, ...]:
        return tuple((k - 1) // 2 for k in self._build.shape(name)[2:])

    def _stride(self, name: str, depth: int) -> Any:
        if depth < len(self._strides):
            stride = self._strides[depth]
            return stride if isinstance(stride, int) else tuple(stride)
        if not self._residual:
            return 2
        # the sum with the input of the units has a convolution of their kernel where they have a
        # stride; of a single pixel, or none, where they have not
        residual = f"{name}.residual"
        strided = self._build.has(residual) and max(self._build.shape(residual)[2:]) > 1
        return 2 if strided else 1

    def _down(self, x: int, name: str, stride: Any) -> int:
        if self._residual:
            return self._units(x, name, stride, end=False)
        x = self._build.conv(x, f"{name}.conv", stride)
        return self._activated(x, f"{name}.adn")

    def _units(self, x: int, name: str, stride: Any, *, end: bool) -> int:
        """Add a residual unit; at the end of the network, it ends in a convolution."""
        build, out = self._build, x
        n = build.count(f"{name}.conv.unit{{}}.")
        for i in range(n):
            unit = f"{name}.conv.unit{i}"
            out = build.conv(out, f"{unit}.conv", stride if i == 0 else 1)
            if not (end and i == n - 1):
                out = self._activated(out, f"{unit}.adn")
        skip = x
        if build.has(f"{name}.residual"):
            skip = build.conv(x, f"{name}.residual", stride)
        return build.add(out, skip)

    def _activated(self, x: int, name: str) -> int:
        x = self._build.norm(x, f"{name}.N")
        if self._build.has(f"{name}.A"):
            return self._build.prelu(x, f"{name}.A")
        return self._build.activate(x, "relu")
