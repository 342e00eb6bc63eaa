"""The diameter of the objects in an image, kept with its layer, and so in a project."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Layer

DIAMETER = "napari_unet_diameter"
"""Key of an image layer's metadata: the diameter of its objects."""


@dataclass(frozen=True)
class KeptDiameter:
    """How large the objects of an image are.

    Attributes
    ----------
    pixels
        Their typical diameter.
    chosen
        Whether the user has set it; otherwise it was estimated.
    """

    pixels: float
    chosen: bool


def kept_diameter(layer: Layer | None) -> KeptDiameter | None:
    """Return what is kept with an image layer; None if nothing is, or something else under our key."""
    kept = None if layer is None else layer.metadata.get(DIAMETER)
    if not isinstance(kept, dict) or not isinstance(kept.get("pixels"), (int, float)):
        return None
    return KeptDiameter(float(kept["pixels"]), bool(kept.get("chosen")))


def note_estimate(layer: Layer, pixels: float | None) -> None:
    """Keep an estimate with an image layer, unless the user has set a diameter; None: there is none."""
    kept = kept_diameter(layer)
    if pixels is not None and (kept is None or not kept.chosen):
        keep_diameter(layer, KeptDiameter(round(pixels, 2), chosen=False))


def keep_diameter(layer: Layer, kept: KeptDiameter | None) -> None:
    """Keep a diameter with an image layer; None: none is known."""
    others = {key: value for key, value in layer.metadata.items() if key != DIAMETER}
    layer.metadata = others if kept is None else {**others, DIAMETER: asdict(kept)}
