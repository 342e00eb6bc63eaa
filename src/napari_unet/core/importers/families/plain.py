"""Families of plain U-Nets, which are those of a `UNetConfig`.

A family states what shapes can't tell: the order in which the decoder joins its two inputs, and how it
upsamples.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.families.candidates import candidates
from napari_unet.core.importers.families.layouts import (
    Block,
    Layout,
    sequence,
)
from napari_unet.core.importers.families.recognised import Recognised

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside


def plain_unet(tensors: Tensors, beside: Beside) -> Recognised | None:  # noqa: ARG001
    """Recognise a plain U-Net of a family whose names are known."""
    for find in (pytorch_unet, unet2d_nuclei, brain_segmentation, torch_em):
        layout = find(tensors)
        if layout is not None:
            return Recognised(
                family=layout.family,
                candidates=list(candidates(layout, tensors)),
                normalization=layout.normalization,
                activation=layout.activation,
            )
    return None


def pytorch_unet(tensors: Tensors) -> Layout | None:
    """Recognise milesial/Pytorch-UNet, with its present names or those used until 2019."""
    for inc, down, up in (
        ("inc.double_conv", "down{}.maxpool_conv.1.double_conv", "up{}.conv.double_conv"),
        ("inc.conv.conv", "down{}.mpconv.1.conv", "up{}.conv.conv"),
    ):
        if f"{inc}.0.weight" in tensors:
            depth = _levels(tensors, r"down(\d+)\.")
            # up1 is the first on the way up and so the coarsest
            rising = range(depth, 0, -1)
            return Layout(
                family="Pytorch-UNet",
                encoder=(
                    sequence(tensors, inc),
                    *(sequence(tensors, down.format(n + 1)) for n in range(depth)),
                ),
                decoder=tuple(sequence(tensors, up.format(n)) for n in rising),
                up=tuple(f"up{n}.up" for n in rising),
                head="outc.conv",
                skip_first=True,
                upsampling="linear_aligned",
                normalization=Normalization(kind="divide_255"),
            )
    return None


def unet2d_nuclei(tensors: Tensors) -> Layout | None:
    """Recognise the U-Net of bioimage.io's example package, unet2d_nuclei_broad."""
    if "encoders.0.0.weight" not in tensors or "base.0.weight" not in tensors:
        return None
    depth = _levels(tensors, r"encoders\.(\d+)\.")
    rising = range(depth - 1, -1, -1)
    return Layout(
        family="bioimage.io unet2d",
        encoder=(
            *(sequence(tensors, f"encoders.{n}") for n in range(depth)),
            sequence(tensors, "base"),
        ),
        decoder=tuple(sequence(tensors, f"decoders.{n}") for n in rising),
        up=tuple(f"upsamplers.{n}.1" for n in rising),
        head="output",
        skip_first=True,
        upsampling="linear",
        normalization=Normalization(kind="zscore"),
    )


def brain_segmentation(tensors: Tensors) -> Layout | None:
    """Recognise mateuszbuda/brain-segmentation-pytorch, the U-Net of the PyTorch Hub."""
    if "encoder1.enc1conv1.weight" not in tensors:
        return None
    depth = _levels(tensors, r"encoder(\d+)\.")

    def block(prefix: str) -> Block:
        return Block((f"{prefix}conv1", f"{prefix}conv2"), (f"{prefix}norm1", f"{prefix}norm2"))

    levels = range(1, depth + 1)
    return Layout(
        family="brain-segmentation-pytorch",
        encoder=(
            *(block(f"encoder{n}.enc{n}") for n in levels),
            block("bottleneck.bottleneck"),
        ),
        decoder=tuple(block(f"decoder{n}.dec{n}") for n in levels),
        up=tuple(f"upconv{n}" for n in levels),
        head="conv",
        skip_first=False,
        upsampling="linear",
        normalization=Normalization(kind="zscore"),
        activation="sigmoid",
    )


def torch_em(tensors: Tensors) -> Layout | None:
    """Recognise the 2-D U-Net of constantinpape/torch-em without norms."""
    first = tensors.get("encoder.blocks.0.block.0.weight")
    if first is None or first.dim() != 4:
        return None
    depth = _levels(tensors, r"encoder\.blocks\.(\d+)\.")
    rising = range(depth - 1, -1, -1)
    return Layout(
        family="torch-em",
        encoder=(
            *(sequence(tensors, f"encoder.blocks.{n}.block") for n in range(depth)),
            sequence(tensors, "base.block"),
        ),
        decoder=tuple(sequence(tensors, f"decoder.blocks.{n}.block") for n in rising),
        up=tuple(f"decoder.samplers.{n}.conv" for n in rising),
        head="out_conv",
        skip_first=False,
        upsampling="linear",
        normalization=Normalization(kind="zscore", per_channel=False),
        activation="sigmoid",
    )


def _levels(tensors: Tensors, pattern: str) -> int:
    """Count the levels that occur in names, such as ``down1.`` to ``down4.``."""
    return len({m[1] for m in map(re.compile(pattern).match, tensors) if m})
