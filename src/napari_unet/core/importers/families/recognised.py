"""What is known of a network once its family has been recognised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.core.image.normalization import Normalization

if TYPE_CHECKING:
    from napari_unet.core.importers.families.candidates import Candidate

Beside = Mapping[str, Any]
"""What was saved beside the weights, by name."""


@dataclass(frozen=True)
class Recognised:
    """A network of a known family.

    Attributes
    ----------
    family
        The family's name.
    candidates
        The networks that the weights allow, that of the family first.
    normalization
        How pixel values are normalised.
    activation
        Activation for more than one class.
    channels, classes
        Names, as many as the network has; empty if unknown.
    pixel_size
        In micrometers, per spatial axis; empty if unknown.
    description
        What the user should know of it.
    """

    family: str
    candidates: list[Candidate]
    normalization: Normalization = field(default_factory=lambda: Normalization(kind="zscore"))
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    channels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    pixel_size: tuple[float, ...] = ()
    description: str = ""
