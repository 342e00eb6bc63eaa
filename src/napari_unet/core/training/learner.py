"""The network in training: one optimisation step, and all that it changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_unet.core.device import is_out_of_memory
from napari_unet.core.errors import UserError
from napari_unet.core.ranks.ranks import ALONE
from napari_unet.core.training.devices.gradients import Gradients, trainable
from napari_unet.core.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.ranks.ranks import Ranks
    from napari_unet.core.sampling.batches import Batch
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.tuning.teacher import Teacher
    from napari_unet.core.unet.checkpointing_policy import CheckpointingPolicy

MAX_GRADIENT_NORM = 1.0
"""Larger gradients are clipped: one odd patch must not undo a hundred steps."""
MOMENTS = ("exp_avg", "exp_avg_sq")
"""The names that AdamW gives its moments."""


class Learner:
    """Network, optimizer, loss scaling and weight average.

    Parameters
    ----------
    model
        The network to start from; it is not changed.
    compute
        Device and precision.
    options
        Learning rates, weight decay and the like.
    teacher
        The parent, whose opinion counts where nothing is annotated; None: there is none.
    tuning
        Whether the weights come from an earlier training: then the encoder learns more slowly and batch
        norms keep their statistics.
    ranks
        The devices among which the patches of a batch are divided; this one leads.
    """

    def __init__(
        self,
        model: Model,
        compute: Compute,
        options: TrainingOptions,
        *,
        teacher: Teacher | None,
        tuning: bool,
        ranks: Ranks = ALONE,
    ) -> None:
        self.compute = compute
        self.teacher = teacher
        self.network = trainable(model, compute.device)
        self.average = WeightAverage(self.network, options.average)
        self.gradients = Gradients(
            self.network, model.spec.activation, compute, teacher=teacher, ranks=ranks
        )
        self._encoder_rate = options.encoder_rate if tuning else 1.0
        self._optimizer = _optimizer(self.network, options)
        self._scaler = torch.amp.GradScaler(compute.device, enabled=compute.precision == "float16")
        self.gradients.freeze_statistics(tuning)

    @property
    def scale(self) -> float:
        """Factor of the gradients, which keeps small ones from vanishing in 16 bits."""
        one = torch.ones((), device=self.compute.device)
        return float(self._scaler.scale(one))

    def learn(
        self,
        chunks: Sequence[Batch],
        policy: CheckpointingPolicy,
        rate: float,
        class_weights: Sequence[float],
        step: int,
    ) -> float:
        """Take one step.

        Parameters
        ----------
        chunks
            The parts of the batch, which go through the network one after the other.
        policy
            What is recomputed in the backward pass.
        rate
            Learning rate.
        class_weights
            Weight of each class in the loss, background first.
        step
            Number of the step, from 1.

        Returns
        -------
        float
            The loss. If it is not finite, nothing has changed.

        Raises
        ------
        RuntimeError
            From torch, when memory runs out; then nothing has changed either.
        """
        statistics = {name: value.clone() for name, value in self.network.named_buffers()}
        self._optimizer.zero_grad(set_to_none=True)
        try:
            self.gradients.share_weights()
            loss = self.gradients.compute(chunks, policy, class_weights, self.scale)
        except Exception as error:
            if is_out_of_memory(error) or isinstance(error, UserError):
                self._undo(statistics)
            raise
        if not math.isfinite(loss):
            self._undo(statistics)
            return loss
        for group in self._optimizer.param_groups:
            group["lr"] = rate * (self._encoder_rate if group["encoder"] else 1)
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self.average.update(self.network, step)
        return loss

    def _undo(self, statistics: Mapping[str, Tensor]) -> None:
        """Undo what an incomplete step has done."""
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in self.network.named_buffers():
                value.copy_(statistics[name])

    @torch.no_grad()
    def move(self, device: str) -> None:
        """Move network, weight average and optimizer to a device."""
        self.network.to(device)
        self.average.network.to(device)
        if self.teacher is not None:
            self.teacher.network.to(device)
        for state in self._optimizer.state.values():
            for moment in MOMENTS:
                state[moment] = state[moment].to(device)

    def state(self) -> dict[str, Tensor]:
        """Return all that a step changes."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            state = self._optimizer.state[parameter]
            tensors |= {f"{moment}/{name}": state[moment] for moment in MOMENTS}
            tensors[f"taken/{name}"] = state["step"]
        for name, value in self._scaler.state_dict().items():
            tensors[f"scaler/{name}"] = torch.tensor(float(value))
        return tensors

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore a state that `state` returned."""
        _load(self.network, tensors, "network/")
        _load(self.average.network, tensors, "average/")
        for name, parameter in self.network.named_parameters():
            state = self._optimizer.state[parameter]
            for moment in MOMENTS:
                state[moment].copy_(tensors[f"{moment}/{name}"])
            state["step"].copy_(tensors[f"taken/{name}"])
        scaler: dict[str, Any] = {
            key.removeprefix("scaler/"): float(v) for key, v in tensors.items() if "scaler/" in key
        }
        if scaler:
            scaler["_growth_tracker"] = int(scaler["_growth_tracker"])
            scaler["growth_interval"] = int(scaler["growth_interval"])
            self._scaler.load_state_dict(scaler)


def _load(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    network.load_state_dict(
        {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    )


def _optimizer(network: nn.Module, options: TrainingOptions) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) with its moments allocated.

    Allocated in the first step, they could run out of memory after half of the weights have changed.
    """
    groups = []
    for encoder in (True, False):
        for decays in (True, False):
            parameters = [
                p
                for name, p in network.named_parameters()
                if name.startswith("encoder.") is encoder and (p.dim() > 1) is decays
            ]
            decay = options.weight_decay if decays else 0.0
            groups.append({"params": parameters, "weight_decay": decay, "encoder": encoder})
    optimizer = torch.optim.AdamW(groups, options.learning_rate, foreach=False)
    for parameter in network.parameters():
        optimizer.state[parameter] = {
            "step": torch.tensor(0.0),
            **{moment: torch.zeros_like(parameter) for moment in MOMENTS},
        }
    return optimizer
