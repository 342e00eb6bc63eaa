"""How many steps a training took and how the learning rate fell, from the record of what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from napari_unet.core.model import ModelSpec


def pace_of(spec: ModelSpec) -> dict[str, Any]:
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
            remedy="Say how long to train by --steps.",
        )
    return {"steps": told["options"]["steps"], "minutes": None, "pace": told["pace"] or None}
