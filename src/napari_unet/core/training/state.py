"""What a training needs to go on after it was interrupted, in one file.

Nothing else is random: batches are drawn by the number of the step, so weights, moments, that number and
what is held out are all there is to restore.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.atomic import atomic_path
from napari_unet.core.unet.checkpointing_policy import CheckpointingPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_unet.core.annotations.annotation import PlaneKey
    from napari_unet.core.annotations.holdout import Held
    from napari_unet.core.training.plan import TrainingPlan

SUFFIX = ".training"
_KEY = "napari_unet_training"
_VERSION = 3


class Point(BaseModel):
    """One check of the network: a point of the curves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    loss: float
    iou: float | None = None


class TrainingStatus(BaseModel):
    """How far a training is.

    Attributes
    ----------
    key, paint
        What the training is of: model, options and images, of which another training has others; and
        the paint it learnt last.
    step, first, total
        Steps taken, the step at which the present cycle of the learning rate began, and the last one.
    seconds, began
        Time it has taken, and had taken when the present cycle began.
    patch, chunk, policy, recompute, memory
        The plan in force, which running out of memory may have changed.
    curve
        Its checks so far.
    losses
        Those since the last check.
    best_step, highest
        When the best network was found, and the highest IoU of any.
    worse
        Checks since then.
    pace
        Each step after which `total` was another, and what it was then.
    altered
        What happened on the way that can't be repeated, such as new paint; empty: nothing.
    measured
        Peak of the memory in bytes, as measured; 0: not yet.
    ended
        Why it ended; empty while it goes on.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    paint: str = ""
    step: int = 0
    first: int = 0
    total: int
    seconds: float = 0.0
    began: float = 0.0
    patch: tuple[int, ...]
    chunk: int
    policy: tuple[int, int]
    recompute: float = 0.0
    memory: float = 0.0
    curve: list[Point] = []
    losses: list[float] = []
    best_step: int = 0
    highest: float = 0.0
    worse: int = 0
    pace: list[tuple[int, int]] = []
    altered: str = ""
    measured: int = 0
    ended: str = ""

    def alter(self, how: str) -> None:
        """Note that something happened that can't be repeated; the first such thing is kept."""
        self.altered = self.altered or how

    def adopt(self, plan: TrainingPlan) -> None:
        """Put a plan in force."""
        self.patch, self.chunk, self.memory = plan.patch, plan.chunk, plan.memory
        self.policy = (plan.policy.activations, plan.policy.blocks)
        self.recompute = plan.recompute

    def plan(self, like: TrainingPlan) -> TrainingPlan:
        """Return the plan in force; what it does not hold is as in another one."""
        return replace(
            like,
            patch=self.patch,
            chunk=self.chunk,
            policy=CheckpointingPolicy(*self.policy),
            recompute=self.recompute,
            memory=self.memory,
        )


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training between two steps.

    Attributes
    ----------
    status
        How far it is.
    tensors
        Of the learner, and ``best/…``: the best weights so far.
    held
        What is held out of each annotation, plane by plane.
    """

    status: TrainingStatus
    tensors: Mapping[str, Tensor]
    held: Held


def save_state(state: TrainingState, path: Path) -> None:
    """Write a training's state; the one that was there is replaced once the new one is complete.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    from safetensors.torch import save

    header = {"version": _VERSION, "status": state.status.model_dump(mode="json")}
    tensors = {k: v.detach().cpu().contiguous() for k, v in state.tensors.items()}
    tensors |= _pack(state.held)
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, {_KEY: json.dumps(header)}))


def load_state(path: Path, key: str) -> TrainingState | None:
    """Read the state of the training with this key; None if the file holds none such."""
    from safetensors.torch import load_file

    status = read_status(path)
    if status is None or status.key != key:
        return None
    try:
        tensors = load_file(path)
        held = {name: tensors.pop(name) for name in list(tensors) if name.startswith("held/")}
        return TrainingState(status, tensors, _unpack(held))
    except (OSError, SafetensorError):
        return None


def _pack(held: Held) -> dict[str, Tensor]:
    """Name masks by annotation and plane; their sides are saved beside their bits."""
    import torch

    found = {}
    for number, masks in enumerate(held):
        for key, mask in masks.items():
            name = "/".join(["held", *map(str, (number, *key))])
            sides = [side for part in mask.box for side in (part.start, part.stop)]
            found[f"{name}/sides"] = torch.tensor(sides)
            if mask.bits is not None:
                found[f"{name}/bits"] = torch.from_numpy(np.ascontiguousarray(mask.bits))
    return found


def _unpack(tensors: Mapping[str, Tensor]) -> Held:
    found: list[dict[PlaneKey, BitMask]] = []
    for name, sides in tensors.items():
        _, number, *key, part = name.split("/")
        if part != "sides":
            continue
        bits = tensors.get(name.removesuffix(part) + "bits")
        top, bottom, left, right = sides.tolist()
        mask = BitMask(
            slice(top, bottom), slice(left, right), None if bits is None else bits.numpy()
        )
        found.extend({} for _ in range(int(number) + 1 - len(found)))
        found[int(number)][tuple(map(int, key))] = mask
    return found


def read_status(path: Path) -> TrainingStatus | None:
    """Read how far a training is without its weights; None if the file can't be used."""
    try:
        with safe_open(path, framework="numpy") as file:
            header: Any = json.loads((file.metadata() or {})[_KEY])
        if header["version"] != _VERSION:
            return None
        return TrainingStatus.model_validate(header["status"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, ValidationError):
        return None
