"""Recognising the family of a network by the names of its weights."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.monai import basic_unet, dynamic_unet, segresnet
from napari_unet.core.importers.families.monai_unet import monai_unet
from napari_unet.core.importers.families.nnunet import nnunet
from napari_unet.core.importers.families.others import other_network
from napari_unet.core.importers.families.plain import plain_unet
from napari_unet.core.importers.families.pytorch3dunet import pytorch_3dunet
from napari_unet.core.importers.families.smp import segmentation_models
from napari_unet.core.importers.families.torch_em import torch_em_unet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside, Recognised

FAMILIES: tuple[Callable[[Tensors, Beside], Recognised | None], ...] = (
    plain_unet,
    nnunet,
    segmentation_models,
    basic_unet,
    dynamic_unet,
    segresnet,
    monai_unet,
    pytorch_3dunet,
    torch_em_unet,
)
"""In the order in which they are tried; each looks at the names of a few weights first."""

KNOWN_FAMILIES = (
    "nnU-Net v2, segmentation_models_pytorch, MONAI, pytorch-3dunet, torch-em, Pytorch-UNet, "
    "brain-segmentation-pytorch and bioimage.io's unet2d"
)

MAX_PREFIXES = 4
"""How many names of wrappers may stand before those of the weights."""

_BESIDE_THE_NETWORK = re.compile(
    r"(?i).*(loss|criterion|metric|ema|teacher|discriminator|perceptual|vgg|augment)"
)


def recognise(tensors: Tensors, beside: Beside, name: str) -> Recognised:
    """Recognise the family of a state dict and read its weights.

    Parameters
    ----------
    tensors
        The weights by name.
    beside
        What was saved with them.
    name
        Name of the file, for messages.

    Raises
    ------
    UserError
        When no known family has these names, or the network is not one of the family.
    """
    fault: NotThisLayoutError | None = None
    for network in networks(tensors):
        for family in FAMILIES:
            try:
                found = family(network, beside)
            except NotThisLayoutError as error:
                fault = fault or error
                continue
            if found is not None:
                return found
    other = other_network(tensors)
    if other is not None:
        raise UserError(
            f"{name} is {other.name}",
            value=other.reason,
            rule=f"Networks of {KNOWN_FAMILIES} can be read.",
            remedy=other.remedy,
        )
    if fault is not None:
        raise UserError(
            f"{name} is not a network that can be read",
            value=str(fault),
            rule=f"Networks of {KNOWN_FAMILIES} can be read.",
            remedy="Choose another network. If this is one of these, please report it, with the program "
            "that wrote it.",
        ) from fault
    keys = [f"{key} {list(tensor.shape)}" for key, tensor in list(tensors.items())[:4]]
    raise UserError(
        f"{name} contains weights of an unknown network",
        value=f"{len(tensors)} tensors, the first are {', '.join(keys)}",
        rule=f"Networks of {KNOWN_FAMILIES} can be read.",
        remedy="If it is a U-Net, rename its weights as in one of these, or report their names.",
    )


def networks(tensors: Tensors) -> Iterator[Tensors]:
    """Yield the networks that a state dict may hold: all of it, or one attribute of a wrapper.

    A training program keeps the network as any attribute of its own, beside losses and metrics with
    buffers, and copies of the network. Other convolutions beside it would be a part of it.
    """
    for _ in range(MAX_PREFIXES):
        yield tensors
        counts = Counter(key.partition(".")[0] for key in tensors if "." in key)
        convolutions = {
            key.partition(".")[0] for key, tensor in tensors.items() if tensor.dim() in (4, 5)
        }
        inside = {part for part in convolutions if not _BESIDE_THE_NETWORK.match(part)}
        if len(inside) != 1:
            return
        (prefix,) = inside
        if not counts[prefix]:
            return
        tensors = {
            key.removeprefix(f"{prefix}."): tensor
            for key, tensor in tensors.items()
            if key.startswith(f"{prefix}.")
        }
