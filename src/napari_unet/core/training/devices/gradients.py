"""The gradients of one optimisation step: the part that every device computes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from napari_unet.core.model.forward import training_forward
from napari_unet.core.ranks.ranks import ALONE
from napari_unet.core.sampling.object_targets import ObjectTargets
from napari_unet.core.training.loss import masked_loss, object_loss
from napari_unet.core.unet.shared_batch_norm import share_batch_norms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.model.architecture import Network
    from napari_unet.core.model.spec import Model
    from napari_unet.core.ranks.ranks import Ranks
    from napari_unet.core.sampling.batches import Batch
    from napari_unet.core.sampling.targets import Targets
    from napari_unet.core.training.tuning.teacher import Teacher
    from napari_unet.core.unet.checkpointing_policy import CheckpointingPolicy


def trainable(model: Model, device: str) -> Network:
    """Return a copy of a model's network that can learn, on a device."""
    network = copy.deepcopy(model.network).requires_grad_(True).to(device)
    network.to(memory_format=_channels_last(model.spec.config.ndim + 2))  # type: ignore[call-overload]
    return network


class Gradients:
    """Network and loss; the parent as a teacher.

    Parameters
    ----------
    network
        The network that learns, as `trainable` returns it.
    activation
        What its model's outputs pass through.
    compute
        Device and precision.
    teacher
        The parent, whose opinion counts where nothing is annotated; None: there is none.
    ranks
        The devices among which the patches of a batch are divided.
    """

    def __init__(
        self,
        network: Network,
        activation: str,
        compute: Compute,
        *,
        teacher: Teacher | None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.network = network
        self.teacher = teacher
        self._compute = compute
        self._ranks = ranks
        self._channels = network.config.out_channels
        self._activation: Literal["softmax", "sigmoid"] = (
            "softmax" if activation == "softmax" else "sigmoid"
        )
        if ranks.size > 1:
            share_batch_norms(network, ranks.total)

    def freeze_statistics(self, frozen: bool) -> None:
        """Let batch norms use their stored statistics, or else those of the batch and update them."""
        self.network.train()
        for module in self.network.modules():
            if isinstance(module, _BatchNorm):
                module.train(not frozen)

    def share_weights(self) -> None:
        """Give all devices the weights of the leader."""
        values = [*self.network.parameters(), *self.network.buffers()]
        self._ranks.share_leaders([each for each in values if each.is_floating_point()])

    def compute(
        self,
        chunks: Sequence[Batch],
        policy: CheckpointingPolicy,
        class_weights: Sequence[float],
        scale: float = 1.0,
    ) -> float:
        """Add the gradients of a batch to those that the leader's network has.

        Parameters
        ----------
        chunks
            This device's patches, in parts that go through the network one after the other.
        policy
            What is recomputed in the backward pass.
        class_weights
            Weight of each class in the loss, background first.
        scale
            Factor of the gradients.

        Returns
        -------
        float
            The loss of the whole batch.
        """
        sizes = [self._whole(len(chunk.images)) for chunk in chunks]
        total = 0.0
        # in the order of the leader, as all devices take part in each sum
        for chunk, size in zip(chunks, sizes, strict=True):
            loss = self._loss(chunk, policy, class_weights) * (size / sum(sizes))
            (loss * scale).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if self._ranks.size > 1:
            weights = list(self.network.parameters())
            for each in weights:
                # of a device that had no patch
                each.grad = torch.zeros_like(each) if each.grad is None else each.grad
            self._ranks.sum_for_leader([each.grad for each in weights if each.grad is not None])
        return total

    def _whole(self, images: int) -> float:
        return float(self._ranks.total(torch.tensor(float(images), device=self._compute.device)))

    def _loss(
        self, chunk: Batch, policy: CheckpointingPolicy, class_weights: Sequence[float]
    ) -> Tensor:
        x = chunk.images.contiguous(memory_format=_channels_last(chunk.images.dim()))
        teacher, opinion = self.teacher, None
        dtype, on = self._compute.dtype, self._compute.precision != "float32"
        with torch.autocast(self._compute.device, dtype, enabled=on):
            if teacher is not None and teacher.has_a_say(chunk):
                opinion = teacher.opinion(x) if len(x) else x
            logits = training_forward(self.network, x, policy) if len(x) else self._nothing(x)
        loss = self._disagreement(logits, chunk.targets, class_weights)
        if teacher is not None and opinion is not None:
            loss = loss + teacher.loss(logits, opinion, chunk)
        return loss

    def _nothing(self, x: Tensor) -> Tensor:
        """Return the logits of no patch, with which a device takes part in the sums of the others."""
        return x.new_zeros((0, self._channels, *x.shape[2:]), requires_grad=True)

    def _disagreement(
        self, logits: Tensor, targets: Targets | ObjectTargets, class_weights: Sequence[float]
    ) -> Tensor:
        if isinstance(targets, ObjectTargets):
            return object_loss(logits, targets, self._ranks)
        return masked_loss(
            logits,
            targets.classes,
            activation=self._activation,
            class_weights=class_weights,
            weights=targets.weights,
            ranks=self._ranks,
        )


def _channels_last(dimensions: int) -> torch.memory_format:
    return torch.channels_last if dimensions == 4 else torch.channels_last_3d
