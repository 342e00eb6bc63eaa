"""The ranges of a network's features, in which 8 bit integers are to stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_unet.core.onnx.network import NORMALISED, Range, feature_name, up_name
from napari_unet.core.unet.fuse import fuse_batch_norm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_unet.core.unet.network import UNet


def feature_ranges(network: UNet, images: Iterable[Tensor]) -> dict[str, Range]:
    """Measure the ranges of all features on some images.

    Parameters
    ----------
    network
        The network; it is not changed.
    images
        Normalised images, (N, in_channels, [Z,] Y, X) each.

    Returns
    -------
    dict
        Lowest and highest values, as `to_onnx` takes them.
    """
    copy = fuse_batch_norm(network)
    ranges: dict[str, Range] = {}
    for side, blocks in (("encoder", copy.encoder), ("decoder", copy.decoder)):
        for level, block in enumerate(blocks):
            for i, unit in enumerate(block.children()):
                unit.register_forward_hook(_observer(ranges, feature_name(side, level, i)))
    # what comes up into a level is the second part of the input of its first unit
    for level, block in enumerate(copy.decoder):
        width = copy.config.encoder[level][-1]
        first = next(iter(block.children()))
        first.register_forward_pre_hook(_joined_observer(ranges, up_name(level), width))
    with torch.inference_mode():
        for image in images:
            _widen(ranges, NORMALISED, image)
            copy(image)
    for level, widths in enumerate(copy.config.encoder[:-1]):
        pair = feature_name("encoder", level, len(widths) - 1), up_name(level)
        lows, highs = zip(*(ranges[name] for name in pair), strict=True)
        ranges |= dict.fromkeys(pair, (min(lows), max(highs)))
    return ranges


def _widen(ranges: dict[str, Range], name: str, values: Tensor) -> None:
    low, high = float(values.min()), float(values.max())
    before = ranges.get(name, (low, high))
    ranges[name] = min(low, before[0]), max(high, before[1])


def _observer(
    ranges: dict[str, Range], name: str
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def observe(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        _widen(ranges, name, output)

    return observe


def _joined_observer(
    ranges: dict[str, Range], name: str, width: int
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def observe(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        _widen(ranges, name, inputs[0][:, width:])

    return observe
