"""Networks of nnU-Net v2: PlainConvUNet and ResidualEncoderUNet.

Isensee et al. 2021, 10.1038/s41592-020-01008-z; with residual encoders 2024, arXiv:2404.09556.
Names as in MIC-DKFZ/dynamic-network-architectures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.importers.families.builder import IMAGE, Builder
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.nnunet_plans import Plans
from napari_unet.core.importers.families.recognised import Recognised

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside

DUPLICATES = ("all_modules.", "decoder.encoder.")
"""In names of weights that are saved a second time."""


def nnunet(tensors: Tensors, beside: Beside) -> Recognised | None:
    """Recognise a network of nnU-Net v2; its plans are among what was saved beside the weights."""
    residual = "encoder.stem.convs.0.conv.weight" in tensors
    first = "encoder.stem.convs.0.conv" if residual else "encoder.stages.0.0.convs.0.conv"
    if f"{first}.weight" not in tensors:
        return None
    plans = Plans.from_saved(beside)
    if any("squeeze_excitation" in key for key in tensors):
        raise NotThisLayoutError("squeeze and excitation looks at the whole image")
    kept = {k: v for k, v in tensors.items() if not any(part in k for part in DUPLICATES)}
    network = _Network(Builder(kept, first), plans.activation)
    network.build(residual)
    candidate = network.builder.finish(plans.axes(network.builder.ndim))
    return Recognised(
        family="nnU-Net v2",
        candidates=[candidate],
        normalization=plans.normalization(candidate.config.in_channels),
        activation="sigmoid" if plans.has_regions else "softmax",
        channels=plans.channels,
        classes=plans.classes,
        pixel_size=plans.pixel_size,
        description=plans.description,
    )


class _Network:
    """Builds the network from its finest level down and up again."""

    def __init__(self, builder: Builder, activation: tuple[Any, float]) -> None:
        self.builder = builder
        self._activation = activation

    def build(self, residual: bool) -> None:
        build = self.builder
        levels = build.count("encoder.stages.{}.")
        # the deepest comes first on the way up; its kernel is its stride
        strides = [build.shape(f"decoder.transpconvs.{n}")[2:] for n in range(levels - 1)]
        strides = [(1,) * build.ndim, *reversed(strides)]
        x = self._convs(IMAGE, "encoder.stem") if residual else IMAGE
        skips = []
        for level, stride in enumerate(strides):
            if residual:
                x = self._blocks(x, f"encoder.stages.{level}.blocks", stride)
            else:
                x = self._convs(x, f"encoder.stages.{level}.0", stride)
            skips.append(x)
        skips.pop()
        for n, skip in enumerate(reversed(skips)):
            x = build.transposed(x, f"decoder.transpconvs.{n}", strides[-1 - n])
            x = self._convs(build.concatenate(x, skip), f"decoder.stages.{n}")
        build.conv(x, f"decoder.seg_layers.{levels - 2}", bias=True)
        # the heads of the coarser levels are for training
        build.drop("decoder.seg_layers.")

    def _convs(self, x: int, name: str, stride: tuple[int, ...] | int = 1) -> int:
        n = self.builder.count(f"{name}.convs.{{}}.")
        for i in range(n):
            x = self._unit(x, f"{name}.convs.{i}", stride if i == 0 else 1)
        return x

    def _unit(
        self, x: int, name: str, stride: tuple[int, ...] | int = 1, *, activate: bool = True
    ) -> int:
        x = self.builder.conv(x, f"{name}.conv", stride)
        x = self.builder.norm(x, f"{name}.norm")
        return self.builder.activate(x, *self._activation) if activate else x

    def _blocks(self, x: int, name: str, stride: tuple[int, ...]) -> int:
        build = self.builder
        for i in range(build.count(f"{name}.{{}}.")):
            step = stride if i == 0 else (1,) * build.ndim
            block = f"{name}.{i}"
            if build.has(f"{block}.conv3.conv"):
                out = self._unit(x, f"{block}.conv1")
                out = self._unit(out, f"{block}.conv2", step)
                out = self._unit(out, f"{block}.conv3", activate=False)
            else:
                out = self._unit(x, f"{block}.conv1", step)
                out = self._unit(out, f"{block}.conv2", activate=False)
            pooled = any(n > 1 for n in step)
            skip = build.pool(x, step, kind="average_pool") if pooled else x
            if build.has(f"{block}.skip.{int(pooled)}.conv"):
                skip = self._unit(skip, f"{block}.skip.{int(pooled)}", activate=False)
            x = build.activate(build.add(out, skip), *self._activation)
        return x
