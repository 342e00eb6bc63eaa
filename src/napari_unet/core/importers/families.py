"""Known families of U-Nets, recognised by the names of their weights.

A family states what shapes can't tell: the order in which the decoder joins its two inputs, and how it
upsamples.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.candidates import Candidate, candidates
from napari_unet.core.importers.layouts import (
    Block,
    Layout,
    NotThisLayoutError,
    Tensors,
    sequence,
)

if TYPE_CHECKING:
    from napari_unet.core.importers.layouts import Tensors


def find_layout(tensors: Tensors) -> Layout | None:
    """Find the layout of a state dict by the names in it; None if no family has them.

    Raises
    ------
    NotThisLayoutError
        When the names are those of a family, but the network is not.
    """
    for find in (pytorch_unet, unet2d_nuclei, brain_segmentation, torch_em):
        layout = find(tensors)
        if layout is not None:
            return layout
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
    """Recognise the 2-D U-Net of constantinpape/torch-em, if it has no norms."""
    if not any(key.startswith("encoder.blocks.0.block.") for key in tensors):
        return None
    if "encoder.blocks.0.block.0.weight" not in tensors:
        raise NotThisLayoutError("torch-em's default U-Net normalises before each convolution")
    if tensors["encoder.blocks.0.block.0.weight"].dim() != 4:
        raise NotThisLayoutError("weights of torch-em's 3-D U-Nets do not show the strides")
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


KNOWN_FAMILIES = "Pytorch-UNet, bioimage.io's unet2d, brain-segmentation-pytorch and torch-em"


def recognise(tensors: Tensors, name: str) -> tuple[Layout, list[Candidate]]:
    """Recognise the family of a state dict and read its weights.

    Parameters
    ----------
    tensors
        The weights by name.
    name
        Name of the file, for messages.

    Returns
    -------
    layout
        The layout of the family.
    candidates
        The networks that the shapes allow, that of the family first.

    Raises
    ------
    UserError
        When no known family has these names, or the network is not a plain U-Net.
    """
    try:
        layout = find_layout(tensors)
        if layout is not None:
            return layout, list(candidates(layout, tensors))
    except NotThisLayoutError as error:
        raise UserError(
            f"{name} is not a plain U-Net of a known family",
            value=str(error),
            rule=f"Plain U-Nets of the families {KNOWN_FAMILIES} can be read.",
            remedy="Choose another network. If this is a plain U-Net, please report it, with the "
            "program that wrote it.",
        ) from error
    keys = [f"{key} {list(tensor.shape)}" for key, tensor in list(tensors.items())[:4]]
    raise UserError(
        f"{name} contains weights of an unknown network",
        value=f"{len(tensors)} tensors, the first are {', '.join(keys)}",
        rule=f"Plain U-Nets of the families {KNOWN_FAMILIES} can be read.",
        remedy="If it is a U-Net, rename its weights as in one of these, or report their names.",
    )
