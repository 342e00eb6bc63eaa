"""U-Nets of torch-em with a norm before each convolution, in 2-D and 3-D, also anisotropic.

Names as in constantinpape/torch-em.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.families.builder import IMAGE, Builder
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.recognised import Recognised

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside

MOST_GROUPS = 32
STANDARDIZE = Normalization(kind="zscore", per_channel=False, epsilon=1e-7)
"""torch-em's own normalisation."""


def torch_em_unet(tensors: Tensors, beside: Beside) -> Recognised | None:
    """Recognise a U-Net of torch-em that is no plain one."""
    if not any(key.startswith("encoder.blocks.0.block.") for key in tensors):
        return None
    normed = _is_conv(tensors, "encoder.blocks.0.block.1")
    build = Builder(tensors, f"encoder.blocks.0.block.{int(normed)}")
    if any(key.startswith("out_conv.0.") for key in tensors):
        raise NotThisLayoutError("it has outputs at several levels")
    depth = build.count("encoder.blocks.{}.")
    options = _options(beside)
    network = _Network(build, normed)
    factors = [network.factor(f"encoder.blocks.{n}", n, options) for n in range(depth)]
    x, skips = IMAGE, []
    for level, factor in enumerate(factors):
        x = network.block(x, f"encoder.blocks.{level}")
        skips.append(x)
        x = build.pool(x, factor)
    x = network.block(x, "base")
    for n in range(depth):
        # a convolution of single pixels commutes with interpolation, and is cheaper before it
        x = build.conv(x, f"decoder.samplers.{n}.conv")
        x = build.upsample(x, factors.pop(), "linear")
        x = network.block(build.concatenate(x, skips.pop()), f"decoder.blocks.{n}")
    build.conv(x, "out_conv", bias=True)
    return Recognised(
        family="torch-em",
        candidates=[build.finish()],
        normalization=STANDARDIZE,
        activation=_activation(options),
        description=""
        if "scale_factors" in options or build.ndim == 2
        else "Pooling by 2 is assumed along the axes of which the weights do not tell it.",
    )


def _is_conv(tensors: Tensors, name: str) -> bool:
    return f"{name}.weight" in tensors and tensors[f"{name}.weight"].dim() in (4, 5)


def _options(beside: Beside) -> Mapping[str, Any]:
    """Return what a checkpoint of torch-em's trainer says of the network."""
    saved = beside.get("init")
    options = saved.get("model_kwargs") if isinstance(saved, Mapping) else None
    return options if isinstance(options, Mapping) else {}


def _activation(options: Mapping[str, Any]) -> Literal["softmax", "sigmoid"]:
    return "softmax" if str(options.get("final_activation")) == "Softmax" else "sigmoid"


class _Network:
    def __init__(self, build: Builder, normed: bool) -> None:
        self._build = build
        self._normed = normed

    def factor(self, block: str, level: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the factor of the pooling after a block."""
        known = options.get("scale_factors")
        if isinstance(known, (list, tuple)) and level < len(known):
            factor = known[level]
            return (factor,) * self._build.ndim if isinstance(factor, int) else tuple(factor)
        # kernels of torch-em are flat along the axes that are not pooled, if they are anisotropic
        kernel = self._build.shape(f"{block}.block.{int(self._normed)}")[2:]
        return tuple(1 if k == 1 else 2 for k in kernel)

    def block(self, x: int, name: str) -> int:
        """Add two convolutions, each with a norm before it."""
        for norm, conv in ((0, 1), (3, 4)) if self._normed else ((-1, 0), (-1, 2)):
            if norm >= 0:
                x = self._norm(x, f"{name}.block.{norm}")
            x = self._build.activate(self._build.conv(x, f"{name}.block.{conv}"), "relu")
        return x

    def _norm(self, x: int, name: str) -> int:
        # its group norm has weights and no statistics; its instance norm has none of either
        grouped = self._build.has(name) and not self._build.has(name, "running_mean")
        groups = min(MOST_GROUPS, self._build.width(x)) if grouped else 0
        return self._build.norm(x, name, groups=groups)
