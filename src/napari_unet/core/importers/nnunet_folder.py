"""Model folders of nnU-Net v2: plans, the description of the data set, and a folder for each fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.mean import mean_of
from napari_unet.core.importers.families.candidates import Candidate
from napari_unet.core.importers.families.recognise import recognise
from napari_unet.core.importers.sidecars import sidecars
from napari_unet.core.importers.state_dicts import read_state_dict
from napari_unet.core.importers.weights import model_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.importers.families.recognised import Recognised
    from napari_unet.core.model.spec import Model

CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
"""Checkpoints of a fold, the one that nnU-Net predicts with first."""


def is_nnunet_folder(path: Path) -> bool:
    """Whether a folder is a model folder of nnU-Net v2, or that of a fold in one."""
    return bool(_checkpoints(path))


def load_nnunet_folder(path: Path) -> Model:
    """Read the network of a model folder: the mean of its folds, as nnU-Net predicts.

    Parameters
    ----------
    path
        The model folder, or that of a single fold.

    Raises
    ------
    UserError
        When a checkpoint can't be read, or the folds differ.
    """
    checkpoints = _checkpoints(path)
    folds = [_read(checkpoint) for checkpoint in checkpoints]
    model = model_of(_mean(folds, path) if len(folds) > 1 else folds[0], path)
    if len(folds) == 1 and not model.spec.description:
        return model
    text = model.spec.description
    if len(folds) > 1:
        names = ", ".join(checkpoint.parent.name for checkpoint in checkpoints)
        text = f"{text} The mean of {names}.".strip()
    return type(model)(model.spec.model_copy(update={"description": text}), model.network)


def _checkpoints(path: Path) -> list[Path]:
    """Return the checkpoint of each fold."""
    folders = [path] if path.name.startswith("fold_") else sorted(path.glob("fold_*"))
    found = []
    for folder in folders:
        names = [name for name in CHECKPOINTS if (folder / name).is_file()]
        found += [folder / name for name in names[:1]]
    return found


def _read(checkpoint: Path) -> Recognised:
    with checkpoint.open("rb") as stream:
        saved = read_state_dict(stream, checkpoint.name)
    name = f"{checkpoint.parent.name}/{checkpoint.name}"
    return recognise(saved.tensors, {**sidecars(checkpoint), **saved.beside}, name)


def _mean(folds: list[Recognised], path: Path) -> Recognised:
    networks = []
    for fold in folds:
        candidate = fold.candidates[0]
        if isinstance(candidate.config, LayerGraph):
            networks.append((candidate.config, candidate.weights))
    try:
        if len(networks) < len(folds):
            raise ValueError("some folds hold networks of another family")
        config, weights = mean_of(networks)
    except ValueError as error:
        raise UserError(
            f"The folds of {path.name} don't belong together",
            value=error,
            rule="All folds of a model folder are networks of one kind.",
            remedy="Load the folder of a single fold.",
        ) from error
    first = folds[0]
    return type(first)(**{**vars(first), "candidates": [Candidate(config, weights)]})
