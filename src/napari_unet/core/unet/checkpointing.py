"""Forward pass for training that keeps few activations and recomputes the rest when they are needed.

Activation checkpointing (Chen et al. 2016, arXiv:1604.06174), cut where it costs least: the output of a
convolution is kept, while the norm and ReLU after it, and the pooling or upsampling that follows, are
computed again in the backward pass. No convolution runs again unless the policy says so. Skip
connections are never concatenated: the convolution is applied to each part, and the results are added.
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
from napari_unet.core.unet.shared_batch_norm import SharedBatchNorm
from napari_unet.core.unet.upsample import upsample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_unet.core.unet.config import UNetConfig
    from napari_unet.core.unet.network import UNet


@dataclass(frozen=True)
class _Features:
    """A feature map, and how to compute it again if it is not kept."""

    tensor: Tensor
    recomputation: Recomputation | None = None

    def source(self, *, hold: bool) -> Callable[[], Tensor]:
        """Return what gives the map in the backward pass; it keeps the map alive only if it must."""
        if self.recomputation is None:
            kept = self.tensor.detach()
            return lambda: kept
        recomputation = self.recomputation
        return lambda: recomputation.get(hold=hold)


def training_forward(network: UNet, x: Tensor, policy: CheckpointingPolicy = KEEP_ALL) -> Tensor:
    """Compute logits for training; they and the gradients are the same to the bit for every policy.

    Parameters
    ----------
    network
        The network, in the mode in which its norms are to run.
    x
        (N, in_channels, [Z,] Y, X); the sizes must be multiples of the total stride.
    policy
        What to recompute.

    Returns
    -------
    Tensor
        (N, out_channels, [Z,] Y, X): values before any activation.
    """
    run = _Pass(network.config, policy, SavedTensors())
    with run.saved.forward_pass():
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
            # only the block holds its inputs now, and it drops them as soon as they have been used
            inputs = [skips.pop(), run.upsampled(features, network.up[level], level)]
            del features
            features = run.block(network.decoder[level], inputs, level)
        return joined_convolution(network.head, [features.tensor])


@dataclass(frozen=True)
class _Pass:
    """A forward pass under a policy."""

    config: UNetConfig
    policy: CheckpointingPolicy
    saved: SavedTensors

    def block(self, block: nn.Module, inputs: list[_Features], level: int) -> _Features:
        units = list(block.children())
        inputs, handed_in = list(inputs), inputs
        handed_in.clear()
        for i, unit in enumerate(units):
            assert isinstance(unit, Unit)
            recompute = level < self.policy.blocks and i < len(units) - 1
            convolved = self._convolved(unit.conv, inputs, recompute)
            inputs = [self._activated(unit, convolved, level < self.policy.activations)]
        return inputs[0]

    def pooled(self, features: _Features, level: int) -> _Features:
        stride = self.config.strides[level]
        flat = self.config.ndim == 2
        pool = functional.max_pool2d_with_indices if flat else functional.max_pool3d_with_indices
        if level >= self.policy.activations:
            return _Features(pool(features.tensor, stride)[0])
        source = features.source(hold=True)
        # the positions of the maxima are saved in 64 bits and would take more memory than the features
        indices = Recomputation(lambda: pool(source(), stride)[1])
        with self.saved.replace_output(indices, torch.int64):
            pooled = pool(features.tensor, stride)[0]
        return self._derived(pooled, lambda: pool(source(), stride)[0], True)

    def upsampled(self, features: _Features, module: nn.Module, level: int) -> _Features:
        stride = self.config.strides[level]
        source = features.source(hold=False)

        def upsample_features(x: Tensor) -> Tensor:
            x = module(x)
            if self.config.upsampling == "transposed":
                return x
            whole = ((0,) * self.config.ndim, tuple(x.shape[2:]))
            aligned = self.config.upsampling == "linear_aligned"
            return upsample(x, stride, [whole] * len(x) if aligned else None)

        recompute = level < self.policy.activations
        return self._derived(
            upsample_features(features.tensor), lambda: upsample_features(source()), recompute
        )

    def _convolved(self, conv: nn.Module, inputs: list[_Features], recompute: bool) -> _Features:
        # parts to be joined are each needed once more later: not held until then, nor at the same time
        sources = [f.source(hold=len(inputs) == 1) for f in inputs]
        convolved = joined_convolution(conv, [f.tensor for f in inputs])
        return self._derived(
            convolved, lambda: joined_convolution(conv, (source() for source in sources)), recompute
        )

    def _activated(self, unit: Unit, features: _Features, recompute: bool) -> _Features:
        x = unit.norm(features.tensor)
        # in place only on the output of a norm: that of a convolution may be needed again
        normalized = not isinstance(unit.norm, nn.Identity)
        if not isinstance(unit.relu, nn.ReLU):
            source = features.source(hold=True)
            return (
                self._derived(x, lambda: _normalized(unit.norm, source()), recompute)
                if normalized
                else features
            )
        if not recompute or not normalized:
            return _Features(functional.relu(x, inplace=normalized))
        source = features.source(hold=True)
        recomputation = Recomputation(
            lambda: functional.relu(_normalized(unit.norm, source()), inplace=True)
        )
        with self.saved.replace_output(recomputation, x.dtype):
            x = functional.relu(x, inplace=True)
        return _Features(self.saved.replace(x, recomputation), recomputation)

    def _derived(self, tensor: Tensor, compute: Callable[[], Tensor], recompute: bool) -> _Features:
        if not recompute:
            return _Features(tensor)
        recomputation = Recomputation(compute)
        return _Features(self.saved.replace(tensor, recomputation), recomputation)


def _normalized(norm: nn.Module, x: Tensor) -> Tensor:
    """Run a norm again, without updating its running statistics twice."""
    if isinstance(norm, SharedBatchNorm) and norm.training:
        return norm.again(x)
    if isinstance(norm, _BatchNorm) and norm.training:
        return functional.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
    output: Tensor = norm(x)
    return output


def joined_convolution(conv: nn.Module, parts: Iterable[Tensor]) -> Tensor:
    """Convolve features that are joined along the channels, without joining them in memory.

    Parameters
    ----------
    conv
        The convolution.
    parts
        The features, (N, C, [Z,] Y, X) each; a part is dropped before the next one is asked for.

    Returns
    -------
    Tensor
        (N, C, [Z,] Y, X): what the convolution gives for the joined features.
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
            term = convolve(part, weight, bias, padding=module.padding)
            out = term if out is None else out.add_(term)
            del term
        start += width
        del part
    assert out is not None
    return out
