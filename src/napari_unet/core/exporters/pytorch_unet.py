"""Weights under the names of milesial/Pytorch-UNet, for networks of its architecture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.unet.config import UNetConfig

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.model.spec import Model

PLACES = {"conv": (0, 3), "norm": (1, 4)}
"""Of the convolutions and norms within a block there."""


def export_pytorch_unet(model: Model, path: Path, *, overwrite: bool = False) -> None:
    """Write the weights of a network for Pytorch-UNet.

    The file holds no more than the weights: neither how pixels are normalised, nor the classes.

    Parameters
    ----------
    model
        The model.
    path
        The file.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    UserError
        When its architecture is another, or the file can't be written.
    """
    check_architecture(model)
    state = {_name(key, model): tensor for key, tensor in model.network.state_dict().items()}
    with atomic_path(path, replace=overwrite) as temporary:
        torch.save(state, temporary)


def check_architecture(model: Model) -> None:
    """Raise a `UserError` unless a network is of the architecture of Pytorch-UNet."""
    other = _difference(model.spec.config)
    if other:
        raise UserError(
            f"{model.spec.name} can't be written for Pytorch-UNet",
            value=other,
            rule="It takes planes; a level has two convolutions with batch norms and ReLUs, and twice "
            "the channels of the one above; it pools by two, and upsamples by transposed convolutions, "
            "or linearly with aligned corners.",
            remedy="Export a bioimage.io package (.zip) or ONNX (.onnx).",
        )


def _difference(config: Architecture) -> str:
    """Return what is not as in Pytorch-UNet; empty: nothing."""
    if not isinstance(config, UNetConfig):
        return "it is no plain U-Net"
    different = {
        "it takes volumes": config.ndim != 2,
        f"its norms are {config.norm!r}": config.norm != "batch",
        "its pooling is not by two": any(set(s) != {2} for s in config.strides),
        f"its upsampling is {config.upsampling!r}": config.upsampling == "linear",
        "it projects what it upsamples": config.projection and config.upsampling != "transposed",
        "not every convolution has a ReLU": config.relu != "every",
        "it has other numbers of channels or convolutions": not _has_its_widths(config),
    }
    return next((words for words, differs in different.items() if differs), "")


def _has_its_widths(config: UNetConfig) -> bool:
    """Whether each convolution has as many channels as there, for the first one's."""
    widths = [config.encoder[0][0] * 2**level for level in range(config.depth + 1)]
    transposed = config.upsampling == "transposed"
    # what is upsampled linearly keeps its channels: there are half as many of them below
    half = widths if transposed else [width // 2 for width in widths]
    encoder = (*((width, width) for width in widths[:-1]), (half[-1], half[-1]))
    decoder = tuple(
        (width, half[level] if level else width) for level, width in enumerate(widths[:-1])
    )
    up = all(config.up_width(level) == width for level, width in enumerate(widths[:-1]))
    return (config.encoder, config.decoder) == (encoder, decoder) and (up or not transposed)


def _name(key: str, model: Model) -> str:
    """Return the name there of a parameter or buffer."""
    config = model.spec.config
    assert isinstance(config, UNetConfig)
    if key.startswith("head."):
        return f"outc.conv.{key.removeprefix('head.')}"
    if match := re.fullmatch(r"up\.(\d+)\.(\w+)", key):
        return f"up{config.depth - int(match[1])}.up.{match[2]}"
    match = re.fullmatch(r"(encoder|decoder)\.(\d+)\.(\d)\.(conv|norm)\.(\w+)", key)
    assert match is not None
    side, level, unit, kind, rest = match.groups()
    if side == "decoder":
        block = f"up{config.depth - int(level)}.conv.double_conv"
    elif level == "0":
        block = "inc.double_conv"
    else:
        block = f"down{level}.maxpool_conv.1.double_conv"
    return f"{block}.{PLACES[kind][int(unit)]}.{rest}"
