"""What training programs write in files beside their checkpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from napari_unet.core.errors import UserError
from napari_unet.core.importers.files import find_description
from napari_unet.core.importers.yaml_text import load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_unet.core.importers.families.recognised import Beside

PLANS, DATASET = "plans.json", "dataset.json"

CONFIGURATIONS = ("config.yaml", "config.yml", "config_train.yml", "train_config.yml")
"""Configurations of pytorch-3dunet and PlantSeg."""

MAX_BYTES = 1 << 26
"""Largest file that is read."""

CHECKPOINTS = (".pytorch", ".pth", ".pt", ".ckpt", ".safetensors", ".bin")


def only_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint in a folder that is no package; None if there is none or a choice."""
    files = [path for path in folder.iterdir() if path.is_file()]
    if find_description([path.name for path in files]):
        return None
    checkpoints = [path for path in files if path.suffix in CHECKPOINTS and path.stat().st_size]
    return checkpoints[0] if len(checkpoints) == 1 else None


def sidecars(checkpoint: Path) -> Beside:
    """Return what is written in files beside a checkpoint, by the names under which it may be in it."""
    found = dict(_plans(checkpoint))
    for name in CONFIGURATIONS:
        path = checkpoint.with_name(name)
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            try:
                found["config_yaml"] = load_yaml(path.read_bytes())
            # of another program, or damaged: the network can be read without it
            except (yaml.YAMLError, ValueError, RecursionError, OSError):
                continue
            break
    return found


def _plans(checkpoint: Path) -> Mapping[str, Any]:
    """Return the plans in the model folder of nnU-Net, named as in its own checkpoints."""
    for folder in checkpoint.parents[:2]:
        if (folder / PLANS).is_file():
            # TRAINER__PLANS__CONFIGURATION
            configuration = folder.name.rpartition("__")[2]
            plans = _read_json(folder / PLANS)
            known = plans.get("configurations")
            if isinstance(known, dict) and configuration not in known and len(known) == 1:
                configuration = next(iter(known))
            dataset = folder / DATASET
            return {
                "init_args": {
                    "plans": plans,
                    "dataset_json": _read_json(dataset) if dataset.is_file() else {},
                    "configuration": configuration,
                }
            }
    return {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        value = json.loads(text) if len(text) <= MAX_BYTES else None
    except (ValueError, RecursionError) as error:
        raise _no_json(path, error) from error
    if not isinstance(value, dict):
        raise _no_json(path, "not an object of names and values")
    return value


def _no_json(path: Path, cause: object) -> UserError:
    return UserError(
        f"{path.name} can't be read",
        value=cause,
        rule="It must be the JSON file that nnU-Net wrote.",
        remedy="Copy the model folder again.",
    )
