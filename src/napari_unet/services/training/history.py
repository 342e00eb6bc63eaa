"""How a model came about: what it was tuned from, and what each step brought."""

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
    """IoU on held-out paint: of objects, or the mean over the classes but the background.

    Attributes
    ----------
    before
        Of the model it was tuned from, on the same paint; None if it wasn't compared.
    after
        Of the model itself.
    """

    before: float | None
    after: float

    def __str__(self) -> str:
        """Both figures, or the one there is."""
        if self.before is None:
            return f"IoU {self.after:.3f}"
        return f"IoU {self.before:.3f} → {self.after:.3f}"


def gain(spec: ModelSpec) -> Gain | None:
    """Return what a model's training brought; None if it was not judged, or is none of ours."""
    before, after = (_iou(spec, when) for when in ("before", "after"))
    return None if after is None else Gain(before, after)


def lineages(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return for each model that can be read it and those that it was tuned from.

    Parameters
    ----------
    entries
        The models of a library. A parent is known by the checksum of its weights.

    Returns
    -------
    dict
        By name: the model first, then its parent if that is among them, and so on.
    """
    there = [(entry, entry.spec) for entry in entries if entry.spec is not None]
    by_hash = {read_hash(entry.path): entry for entry, _ in there}
    parents = {entry.name: by_hash.get(spec.provenance.parent) for entry, spec in there}
    found = {}
    for entry, _ in there:
        line = [entry]
        while (parent := parents[line[-1].name]) is not None and parent not in line:
            line.append(parent)
        found[entry.name] = line
    return found


def _iou(spec: ModelSpec, when: str) -> float | None:
    """Return the IoU that a model is judged by: of objects, which come last, or of the classes."""
    told = spec.provenance.training.get("scores", {}).get(when, ())
    scores = [ClassScore(**each) for each in told]
    found = mean_iou(scores[-1:] if spec.task == "objects" else scores[1:])
    return None if math.isnan(found) else found


def recorded_schedule(spec: ModelSpec) -> dict[str, Any]:
    """Return options by which a training takes the steps that another one took, at the same rates.

    Parameters
    ----------
    spec
        Of the model that the other one made.

    Raises
    ------
    UserError
        When the model has no record of it, or it can't be repeated.
    """
    told = spec.provenance.training
    if "pace" not in told or told["altered"]:
        raise UserError(
            f"The steps of {spec.name!r} can't be taken again",
            value=told.get("altered") or "there is no record of them",
            rule="They must be on record in the model, and nothing be changed while it was trained.",
            remedy="Give the number of `steps` instead.",
        )
    return {"steps": told["options"]["steps"], "minutes": None, "pace": told["pace"] or None}
