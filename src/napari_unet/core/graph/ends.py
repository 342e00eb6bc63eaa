"""The first and the last layers of a network, which change with its channels and classes."""

from __future__ import annotations

from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.layers import Convolution


def head_name(config: LayerGraph) -> str:
    """Return the name of the layer that gives the logits.

    Raises
    ------
    UserError
        When it is no convolution.
    """
    if not isinstance(config.layers[-1], Convolution):
        raise UserError(
            "This network can't be trained",
            value=f"its output comes from a layer of kind {config.layers[-1].kind!r}",
            rule="The last layer of a network that is trained is a convolution; that of an ensemble is "
            "not.",
            remedy="Of an ensemble, load a single network, such as one fold of an nnU-Net.",
        )
    return f"layers.{len(config.layers)}"


def first_names(config: LayerGraph) -> list[str]:
    """Return the names of the convolutions that see the image.

    Raises
    ------
    UserError
        When something else does.
    """
    seeing = [n for n, layer in enumerate(config.layers, start=1) if 0 in layer.inputs]
    layers = [config.layers[n - 1] for n in seeing]
    if not all(isinstance(layer, Convolution) and layer.groups == 1 for layer in layers):
        raise UserError(
            "This network can't be given other channels",
            value=f"the image goes into layers of kind {', '.join(layer.kind for layer in layers)}",
            rule="Only convolutions are adapted to another number of channels.",
            remedy=f"Choose {config.in_channels} channel(s) of the image.",
        )
    return [f"layers.{n}" for n in seeing]


def with_channels(
    config: LayerGraph, *, in_channels: int | None = None, out_channels: int | None = None
) -> LayerGraph:
    """Return the description of the network with other numbers of channels.

    Parameters
    ----------
    config
        The description.
    in_channels, out_channels
        Channels of the image and of the logits; None: as they are.

    Raises
    ------
    UserError
        When its first or last layers can't be changed.
    """
    layers = config.layers
    if in_channels is not None:
        first_names(config)
    if out_channels is not None:
        head_name(config)
        layers = (*layers[:-1], layers[-1].model_copy(update={"channels": out_channels}))
    return LayerGraph(
        ndim=config.ndim, in_channels=in_channels or config.in_channels, layers=layers
    )
