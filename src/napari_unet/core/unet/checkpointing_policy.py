"""Which activations of a training step are kept or recomputed, and what recomputing costs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.unet.receptive_field import KERNEL

if TYPE_CHECKING:
    from napari_unet.core.unet.config import UNetConfig


@dataclass(frozen=True)
class CheckpointingPolicy:
    """Which activations are recomputed in the backward pass.

    Attributes
    ----------
    activations
        Number of levels, counted from the finest, on which norms, ReLUs and the upsampling into the
        level are recomputed.
    blocks
        Number of levels, counted from the finest, on which all convolutions of a block except the last
        are recomputed, too; at most `activations`.

    Raises
    ------
    ValueError
        When `blocks` is negative or more than `activations`.
    """

    activations: int
    blocks: int

    def __post_init__(self) -> None:
        if not 0 <= self.blocks <= self.activations:
            raise ValueError("blocks must lie between 0 and activations")


_MACS_PER_ACTIVATION = 40.0
"""Multiply-adds that take as long as normalising one number."""

KEEP_ALL = CheckpointingPolicy(0, 0)
"""Keeps every activation."""


def recompute_all(config: UNetConfig) -> CheckpointingPolicy:
    """Return the policy that keeps as little as possible."""
    return CheckpointingPolicy(config.depth + 1, config.depth + 1)


def candidate_policies(config: UNetConfig) -> list[CheckpointingPolicy]:
    """Return the policies worth trying, the one that recomputes least first.

    Norms and ReLUs are so cheap that all levels recompute theirs before any convolution is recomputed.
    """
    levels = config.depth + 1
    candidates = [CheckpointingPolicy(a, 0) for a in range(levels + 1)]
    candidates += [CheckpointingPolicy(levels, b) for b in range(1, levels + 1)]
    return sorted(candidates, key=lambda policy: recompute_share(config, policy))


def recompute_share(config: UNetConfig, policy: CheckpointingPolicy) -> float:
    """Return the extra work of a policy, as a fraction of a plain forward and backward pass.

    Counts multiply-adds, of which a backward pass has twice as many as a forward pass, and element-wise
    operations by the time that their memory traffic takes.
    """
    extra = 0.0
    for level, (encoder, decoder) in enumerate(_levels(config)):
        pixels = 1 / prod(config.level_strides[level])
        if level < policy.activations:
            extra += _MACS_PER_ACTIVATION * (sum(encoder) + sum(decoder)) * pixels
            if level < config.depth:
                below = config.below(level) / prod(config.level_strides[level + 1])
                extra += below * config.up_macs(level)
        if level < policy.blocks:
            if decoder:
                # once for the gradient of the convolution and once to convolve again
                below = config.below(level) / prod(config.level_strides[level + 1])
                extra += below * config.up_macs(level)
            start = config.encoder[level - 1][-1] if level else config.in_channels
            joined = encoder[-1] + config.up_width(level) if decoder else 0
            extra += _macs(config, start, encoder[:-1]) * pixels
            extra += _macs(config, joined, decoder[:-1]) * pixels
    return extra / (3 * config.macs_per_pixel())


def _levels(config: UNetConfig) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return list(zip(config.encoder, (*config.decoder, ()), strict=True))


def _macs(config: UNetConfig, width: int, widths: tuple[int, ...]) -> float:
    total = 0.0
    for out in widths:
        total += width * out * KERNEL**config.ndim
        width = out
    return total
