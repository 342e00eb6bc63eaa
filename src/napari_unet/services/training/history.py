"""The history of a model: what it was fine-tuned from, and what each round improved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.core.evaluation.confusion import ClassScore, mean_iou
from napari_unet.core.model.file import read_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.library import Entry


@dataclass(frozen=True)
class Gain:
    """IoU on the held-out annotations: of objects, or the mean over the foreground classes.

    Attributes
    ----------
    before
        IoU of the parent on the same annotations; None if it wasn't compared.
    after
        IoU of the model itself.
    """

    before: float | None
    after: float

    def __str__(self) -> str:
        """Return both numbers, or the only one."""
        if self.before is None:
            return f"IoU {self.after:.3f}"
        return f"IoU {self.before:.3f} → {self.after:.3f}"


def gain(spec: ModelSpec) -> Gain | None:
    """Return how much a model's training improved it; None if it was not validated."""
    before, after = (_iou(spec, when) for when in ("before", "after"))
    return None if after is None else Gain(before, after)


def lineages(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return each readable model with the models that it was fine-tuned from.

    Parameters
    ----------
    entries
        The models of a library. A parent is identified by the checksum of its weights.

    Returns
    -------
    dict
        By name: the model, then its parent if that is among `entries`, and so on.
    """
    readable = [(entry, entry.spec) for entry in entries if entry.spec is not None]
    by_hash = {read_hash(entry.path): entry for entry, _ in readable}
    parents = {entry.name: by_hash.get(spec.provenance.parent) for entry, spec in readable}
    lines = {}
    for entry, _ in readable:
        line = [entry]
        while (parent := parents[line[-1].name]) is not None and parent not in line:
            line.append(parent)
        lines[entry.name] = line
    return lines


def _iou(spec: ModelSpec, when: str) -> float | None:
    """Return the IoU that a model is scored by: of objects, which come last, or of the classes."""
    record = spec.provenance.training.get("scores", {}).get(when, ())
    scores = [ClassScore(**each) for each in record]
    iou = mean_iou(scores[-1:] if spec.task == "objects" else scores[1:])
    return None if math.isnan(iou) else iou


def recorded_schedule(spec: ModelSpec) -> dict[str, Any]:
    """Return options that repeat the steps of another training, at the same learning rates.

    Parameters
    ----------
    spec
        Specification of the model from that training.

    Raises
    ------
    UserError
        When the model has no record of its steps, or they can't be repeated.
    """
    record = spec.provenance.training
    if "pace" not in record or record["altered"]:
        raise UserError(
            f"The steps of {spec.name!r} can't be repeated",
            value=record.get("altered") or "there is no record of them",
            rule="They must be recorded in the model, and nothing may have changed during its training.",
            remedy="Give the number of `steps` instead.",
        )
    return {"steps": record["options"]["steps"], "minutes": None, "pace": record["pace"] or None}


def same_weights(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the models whose weights another one has, too, each with the name of the first of these."""
    first: dict[str, str] = {}
    doubles = {}
    # bundled ones first: a copy of one of them is the copy
    for entry in sorted(entries, key=lambda entry: not entry.bundled):
        weights = read_hash(entry.path) if entry.spec is not None else ""
        if weights and first.setdefault(weights, entry.name) != entry.name:
            doubles[entry.name] = first[weights]
    return doubles
