"""Losses over the labelled pixels: masked cross-entropy and soft Dice, of classes or of object maps.

Logits are not multiplied by a mask: a logit of 0 is a probability of one half, which counts. Unlabelled
pixels are left out of every sum instead, so that their gradient is exactly zero.

Where several devices train, each has some patches of a batch. Sums are taken over all of them before any
is divided, so that a labelled pixel counts as much as it does on one device. The value is then that of
the whole batch, and the gradients of the devices add up to its gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.ranks.ranks import ALONE, summed
from napari_unet.core.sampling.dataset import MIN_DICE_PIXELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.ranks.ranks import Ranks
    from napari_unet.core.sampling.object_targets import ObjectTargets


def masked_loss(
    logits: Tensor,
    classes: Tensor,
    *,
    activation: Literal["softmax", "sigmoid"],
    class_weights: Sequence[float] | None = None,
    weights: Tensor | None = None,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Cross-entropy plus soft Dice, over the labelled pixels.

    Parameters
    ----------
    logits
        (N, C, [Z,] Y, X), of any precision; sums are taken in float32.
    classes
        (N, [Z,] Y, X) int64: 0 for background, else the class; `IGNORE` where unlabelled.
    activation
        ``"softmax"``: channel c is class c. ``"sigmoid"``: channel c is class c + 1 against all others.
    class_weights
        Weight of the pixels of each class, background first, in the cross-entropy.
    weights
        (N, [Z,] Y, X): added to the class weights, such as border weights.
    ranks
        Which devices have patches of the same batch.

    Returns
    -------
    Tensor
        A scalar, float32: 0 for a perfect prediction, and with a gradient of zero where nothing is
        labelled.
    """
    with torch.autocast(logits.device.type, enabled=False):
        known = classes != IGNORE
        # selected, not multiplied: 0 times a value that is not finite is not 0
        safe = torch.where(known[:, None], logits.float(), 0.0)
        target = classes.clamp(min=0)
        importance = known.float()
        if class_weights is not None:
            importance = importance * logits.new_tensor(class_weights, dtype=torch.float32)[target]
        if weights is not None:
            importance = importance + torch.where(known, weights.float(), 0.0)
        least = torch.finfo(torch.float32).tiny
        share = importance / ranks.total(importance.sum()).clamp(min=least)
        if activation == "softmax":
            entropy = functional.cross_entropy(safe, target, reduction="none")
            probabilities = safe.softmax(dim=1)[:, 1:]
        else:
            entropy = _binary_entropy(safe, target)
            probabilities = safe.sigmoid()
        return summed(ranks, (entropy * share).sum()) + _dice(probabilities, target, known, ranks)


def object_loss(logits: Tensor, targets: ObjectTargets, ranks: Ranks = ALONE) -> Tensor:
    """Cross-entropy of each map, plus soft Dice of foreground and boundary, where the maps are known.

    Parameters
    ----------
    logits
        (N, 3, [Z,] Y, X), of any precision; sums are taken in float32.
    targets
        The true maps.
    ranks
        Which devices have patches of the same batch.

    Returns
    -------
    Tensor
        A scalar, float32, with a gradient of zero where nothing is known. The cross-entropy of a
        distance, which is a fraction, is smallest, but not 0, for a perfect prediction.
    """
    with torch.autocast(logits.device.type, enabled=False):
        safe = torch.where(targets.known, logits.float(), 0.0)
        weights = targets.known.float()
        if targets.weights is not None:
            weights = weights * (1 + targets.weights.float())[:, None]
        over = [0, *range(2, safe.dim())]
        entropy = functional.binary_cross_entropy_with_logits(safe, targets.maps, reduction="none")
        known = ranks.total(weights.sum(over)).clamp(min=1)
        mean = summed(ranks, (entropy * weights).sum(over)) / known
        classes = safe.sigmoid()[:, :2], targets.maps[:, :2], weights[:, :2]
        return mean.sum() + _soft_dice(*classes, ranks)


def _binary_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy of each pixel, its mean over the channels."""
    truth = _one_hot(target, logits.shape[1])
    return functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=1)


def _dice(probabilities: Tensor, target: Tensor, known: Tensor, ranks: Ranks) -> Tensor:
    """Return one minus soft Dice, the mean over the foreground classes with enough labels."""
    truth = _one_hot(target, probabilities.shape[1])
    return _soft_dice(probabilities, truth, known[:, None].float().expand_as(truth), ranks)


def _soft_dice(probabilities: Tensor, truth: Tensor, mask: Tensor, ranks: Ranks) -> Tensor:
    over = [0, *range(2, probabilities.dim())]
    both = summed(ranks, (probabilities * truth * mask).sum(over))
    either = summed(ranks, ((probabilities + truth) * mask).sum(over))
    of_class = ranks.total((truth * mask).sum(over))
    others = ranks.total(mask.sum(over)) - of_class
    enough = ((of_class >= MIN_DICE_PIXELS) & (others >= MIN_DICE_PIXELS)).float()
    loss = 1 - 2 * both / either.clamp(min=1)
    return (loss * enough).sum() / enough.sum().clamp(min=1)


def _one_hot(target: Tensor, n: int) -> Tensor:
    """Return the classes 1 … n, one-hot, as (N, n, …) float32."""
    numbers = torch.arange(1, n + 1, device=target.device).view(1, n, *[1] * (target.dim() - 1))
    return (target[:, None] == numbers).float()
