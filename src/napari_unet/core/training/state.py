"""The state file of a training: what it needs to continue after an interruption.

Batches are drawn by the number of the step, so weights, optimizer, that number and what is held out are
all there is to restore.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.errors import UserError
from napari_unet.core.model.file import weights_hash
from napari_unet.core.model.tensor_file import write_tensors
from napari_unet.core.training.status import TrainingStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_unet.core.annotations.annotation import PlaneKey
    from napari_unet.core.annotations.holdout_masks import Held

SUFFIX = ".training"
_KEY = "napari_unet_training"
_VERSION = 3


class DamagedStateError(UserError):
    """The saved state of a training is damaged."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training between two steps.

    Attributes
    ----------
    status
        How far it is.
    tensors
        The learner's, and those of the best model.
    held
        What is held out of each annotation, plane by plane.
    """

    status: TrainingStatus
    tensors: Mapping[str, Tensor]
    held: Held


def save_or_explain(state: TrainingState, path: Path) -> str:
    """Write a state, and return why that was not possible; empty if it was.

    It is no reason to end the training: there may be room next time.
    """
    try:
        save_state(state, path)
    except UserError as error:
        return f"The training state could not be saved: {error}"
    return ""


def save_state(state: TrainingState, path: Path) -> None:
    """Write the state of a training; an earlier file is replaced once the new one is complete.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in state.tensors.items()}
    tensors |= _pack(state.held)
    status = state.status.model_dump(mode="json")
    header = {"version": _VERSION, "status": status, "digest": _digest(status, tensors)}
    write_tensors(tensors, {_KEY: json.dumps(header)}, path)


def load_state(path: Path, key: str) -> TrainingState | None:
    """Read the state of the training with this key; None if the file does not hold it.

    Raises
    ------
    DamagedStateError
        When the file is damaged.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        return None
    header = _header(path)
    if header is None:
        raise _damaged(path, "not a complete file")
    status = _status(header)
    if status is None or status.key != key:
        return None
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error
    # states of earlier versions carry no digest
    if header.get("digest", "") not in ("", _digest(header["status"], tensors)):
        raise _damaged(path, "its content does not match its digest")
    held = {name: tensors.pop(name) for name in list(tensors) if name.startswith("held/")}
    return TrainingState(status, tensors, _unpack(held))


def _digest(status: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the status and of all tensors."""
    text = json.dumps(status, sort_keys=True) + weights_hash(dict(tensors))
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, cause: object) -> DamagedStateError:
    return DamagedStateError(
        f"The saved state of the training is damaged, {path.name}",
        value=cause,
        rule="It must be the complete file that the interrupted training left.",
        remedy="It is not learnt from; the training starts anew.",
    )


def _pack(held: Held) -> dict[str, Tensor]:
    """Name masks by annotation and plane; their boxes are saved beside their bits."""
    import torch

    tensors = {}
    for number, masks in enumerate(held):
        for key, mask in masks.items():
            name = "/".join(["held", *map(str, (number, *key))])
            sides = [side for part in mask.box for side in (part.start, part.stop)]
            tensors[f"{name}/sides"] = torch.tensor(sides)
            if mask.bits is not None:
                tensors[f"{name}/bits"] = torch.from_numpy(np.ascontiguousarray(mask.bits))
    return tensors


def _unpack(tensors: Mapping[str, Tensor]) -> Held:
    held: list[dict[PlaneKey, BitMask]] = []
    for name, sides in tensors.items():
        _, number, *key, part = name.split("/")
        if part != "sides":
            continue
        bits = tensors.get(name.removesuffix(part) + "bits")
        top, bottom, left, right = sides.tolist()
        mask = BitMask(
            slice(top, bottom), slice(left, right), None if bits is None else bits.numpy()
        )
        held.extend({} for _ in range(int(number) + 1 - len(held)))
        held[int(number)][tuple(map(int, key))] = mask
    return held


def read_status(path: Path) -> TrainingStatus | None:
    """Read how far a training is, without its weights; None if the file can't be used."""
    header = _header(path)
    return None if header is None else _status(header)


def _header(path: Path) -> dict[str, Any] | None:
    """Return what a state file says of itself; None if it is none."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[_KEY])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _status(header: Mapping[str, Any]) -> TrainingStatus | None:
    try:
        if header["version"] != _VERSION:
            return None
        return TrainingStatus.model_validate(header["status"])
    except (KeyError, TypeError, ValueError, ValidationError):
        return None
