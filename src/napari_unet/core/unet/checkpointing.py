"""Forward pass for training that keeps few activations and recomputes the rest when needed.

Activation checkpointing (Chen et al. 2016, 1604.06174), cut where it costs least: what is kept is the
output of a convolution; the norm and ReLU after it are computed again in the backward pass, and the
pooling or upsampling that follows. No convolution runs again unless the policy says so. Skip
connections are never concatenated: the convolution is applied to each part and the results are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from napari_unet.core.unet.checkpointing_policy import KEEP_ALL, CheckpointingPolicy
from napari_unet.core.unet.layers import Unit
from napari_unet.core.unet.saved_tensors import Recomputation, SavedTensors
from napari_unet.core.unet.upsample import upsample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_unet.core.unet.config import UNetConfig
    from napari_unet.core.unet.network import UNet


@dataclass(frozen=True)
class _Features:
    """A feature map, and how to make it again if it need not be kept."""

    tensor: Tensor
    recipe: Recomputation | None = None

    def source(self, *, hold: bool) -> Callable[[], Tensor]:
        """Gives the map in the backward pass, without keeping it alive if it has a recipe."""
        if self.recipe is None:
            kept = self.tensor.detach()
            return lambda: kept
        recipe = self.recipe
        return lambda: recipe.get(hold=hold)


def training_forward(network: UNet, x: Tensor, policy: CheckpointingPolicy = KEEP_ALL) -> Tensor:
    """Compute logits for training; the same for every policy, and so are the gradients, to the bit.

    Parameters
    ----------
    network
        The network, in whichever mode its norms shall run.
    x
        (N, in_channels, [Z,] Y, X); sizes must be multiples of the total stride.
    policy
        What to recompute.

    Returns
    -------
    Tensor
        (N, out_channels, [Z,] Y, X).
    """
    run = _Pass(network.config, policy, SavedTensors())
    with run.ledger.keeping():
        features = _Features(x)
        skips = []
        for level, block in enumerate(network.encoder):
            inputs = [features]
            del features
            features = run.block(block, inputs, level)
            if level < network.config.depth:
                skips.append(features)
                features = run.pooled(features, level)
        for level in reversed(range(network.config.depth)):
            # the block alone owns what goes into it, and lets go of it as soon as it is used up
            inputs = [skips.pop(), run.raised(features, network.up[level], level)]
            del features
            features = run.block(network.decoder[level], inputs, level)
        return joined_convolution(network.head, [features.tensor])


@dataclass(frozen=True)
class _Pass:
    """One forward pass under a policy."""

    config: UNetConfig
    policy: CheckpointingPolicy
    ledger: SavedTensors

    def block(self, block: nn.Module, inputs: list[_Features], level: int) -> _Features:
        units = list(block.children())
        inputs, given = list(inputs), inputs
        given.clear()
        for i, unit in enumerate(units):
            assert isinstance(unit, Unit)
            again = level < self.policy.blocks and i < len(units) - 1
            convolved = self._convolved(unit.conv, inputs, again)
            inputs = [self._activated(unit, convolved, level < self.policy.activations)]
        return inputs[0]

    def pooled(self, features: _Features, level: int) -> _Features:
        stride = self.config.strides[level]
        flat = self.config.ndim == 2
        pool = functional.max_pool2d_with_indices if flat else functional.max_pool3d_with_indices
        if level >= self.policy.activations:
            return _Features(pool(features.tensor, stride)[0])
        source = features.source(hold=True)
        # where the maxima lie is saved in 64 bits, which would outweigh the features themselves
        indices = Recomputation(lambda: pool(source(), stride)[1])
        with self.ledger.making(indices, torch.int64):
            pooled = pool(features.tensor, stride)[0]
        return self._derived(pooled, lambda: pool(source(), stride)[0], True)

    def raised(self, features: _Features, module: nn.Module, level: int) -> _Features:
        stride = self.config.strides[level]
        source = features.source(hold=False)

        def rise(x: Tensor) -> Tensor:
            x = module(x)
            if self.config.upsampling == "transposed":
                return x
            whole = ((0,) * self.config.ndim, tuple(x.shape[2:]))
            aligned = self.config.upsampling == "linear_aligned"
            return upsample(x, stride, [whole] * len(x) if aligned else None)

        again = level < self.policy.activations
        return self._derived(rise(features.tensor), lambda: rise(source()), again)

    def _convolved(self, conv: nn.Module, inputs: list[_Features], again: bool) -> _Features:
        # parts to be joined are needed once more later: they are not held until then, nor together
        sources = [f.source(hold=len(inputs) == 1) for f in inputs]
        found = joined_convolution(conv, [f.tensor for f in inputs])
        return self._derived(
            found, lambda: joined_convolution(conv, (source() for source in sources)), again
        )

    def _activated(self, unit: Unit, features: _Features, again: bool) -> _Features:
        x = unit.norm(features.tensor)
        # in place only on what a norm has just made: a convolution's output may be needed again
        fresh = not isinstance(unit.norm, nn.Identity)
        if not isinstance(unit.relu, nn.ReLU):
            source = features.source(hold=True)
            return (
                self._derived(x, lambda: _normalized(unit.norm, source()), again)
                if fresh
                else features
            )
        if not again or not fresh:
            return _Features(functional.relu(x, inplace=fresh))
        source = features.source(hold=True)
        recipe = Recomputation(
            lambda: functional.relu(_normalized(unit.norm, source()), inplace=True)
        )
        with self.ledger.making(recipe, x.dtype):
            x = functional.relu(x, inplace=True)
        return _Features(self.ledger.note(x, recipe), recipe)

    def _derived(self, tensor: Tensor, make: Callable[[], Tensor], again: bool) -> _Features:
        if not again:
            return _Features(tensor)
        recipe = Recomputation(make)
        return _Features(self.ledger.note(tensor, recipe), recipe)


def _normalized(norm: nn.Module, x: Tensor) -> Tensor:
    """Run a norm again, without counting the batch twice in its running statistics."""
    if isinstance(norm, _BatchNorm) and norm.training:
        return functional.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
    found: Tensor = norm(x)
    return found


def joined_convolution(conv: nn.Module, parts: Iterable[Tensor]) -> Tensor:
    """Convolve features joined along the channels, without joining them in memory.

    Each part is let go of before the next one is asked for.
    """
    module: Any = conv
    out: Tensor | None = None
    start = 0
    for part in parts:
        width = part.shape[1]
        if width == module.weight.shape[1]:
            out = module(part)
        else:
            convolve = functional.conv2d if part.dim() == 4 else functional.conv3d
            weight = module.weight[:, start : start + width]
            bias = module.bias if out is None else None
            found = convolve(part, weight, bias, padding=module.padding)
            out = found if out is None else out.add_(found)
            del found
        start += width
        del part
    assert out is not None
    return out
