"""The mean of the logits of several networks, as one network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.ends import head_name
from napari_unet.core.graph.layers import Join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


def mean_of(
    networks: Sequence[tuple[LayerGraph, Mapping[str, Tensor]]],
) -> tuple[LayerGraph, dict[str, Tensor]]:
    """Return the network that gives the mean of the logits of several ones.

    Parameters
    ----------
    networks
        Their descriptions and weights; the last layer of each is a convolution.

    Returns
    -------
    LayerGraph
        All their layers, one network after the other, and a sum.
    dict
        Their weights; those of the last layers are divided by the number of networks.

    Raises
    ------
    ValueError
        When they differ in channels or dimensions.
    """
    layers: list[Any] = []
    weights: dict[str, Tensor] = {}
    heads: list[int] = []
    for config, own in networks:
        if not heads:
            first = config
        elif (config.ndim, config.in_channels, config.out_channels) != (
            first.ndim,
            first.in_channels,
            first.out_channels,
        ):
            raise ValueError("the networks differ in channels or dimensions")
        shift = len(layers)
        for layer in config.layers:
            moved = tuple(i + shift if i else 0 for i in layer.inputs)
            layers.append(layer.model_copy(update={"inputs": moved}))
        head = head_name(config)
        for key, tensor in own.items():
            _, position, part = key.split(".", 2)
            share = tensor / len(networks) if key.startswith(f"{head}.") else tensor
            weights[f"layers.{int(position) + shift}.{part}"] = share
        heads.append(len(layers))
    layers.append(Join(kind="add", inputs=tuple(heads)))
    return LayerGraph(ndim=first.ndim, in_channels=first.in_channels, layers=tuple(layers)), weights
