"""Copies of networks that share their weights, which cost neither their time nor their memory."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def with_shared_weights(network: M) -> M:
    """Copy the modules of a network, but not its weights and buffers.

    Parameters
    ----------
    network
        The network; it is not changed. No module may refer to another one but as its part.

    Returns
    -------
    Module
        The copy. Its weights need no gradients and lie where those of the network do: what exchanges
        them concerns the copy alone, what writes into them concerns both.
    """
    copied = object.__new__(type(network))
    copied.__dict__.update(
        {
            name: value.copy() if isinstance(value, (dict, set)) else value
            for name, value in vars(network).items()
        }
    )
    for name, weights in network._parameters.items():
        if weights is not None:
            copied._parameters[name] = nn.Parameter(weights.detach(), requires_grad=False)
    for name, module in network._modules.items():
        copied._modules[name] = None if module is None else with_shared_weights(module)
    return copied
