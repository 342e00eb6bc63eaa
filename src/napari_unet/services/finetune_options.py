"""What a user can set about a fine-tuning."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_unet.core.training_options import TrainingOptions

CHANGEABLE = {"steps", "minutes", "pace", "patience", "learning_rate", "save_every", "name"}
"""Options that may be others when a training goes on; the rest was settled when it began."""


class FinetuneOptions(TrainingOptions):
    """How to fine-tune; the defaults suit most images."""

    channels: tuple[int | str, ...] | None = Field(
        None,
        title="Channels",
        description="Image channels for the network's inputs, by number (from 0) or name; none: the "
        "first ones. With more or fewer than the network has inputs, its first layer is fitted.",
    )
    classes: tuple[str, ...] | None = Field(
        None,
        title="Classes",
        description="Names of the classes that were painted, without the background; none: the "
        "model's. Other ones get a new last layer.",
    )
    task: Literal["semantic", "objects"] | None = Field(
        None,
        title="Task",
        description="semantic: a class for each pixel; objects: tell touching objects apart. None: the "
        "model's; another one gets a new last layer.",
    )
    name: str = Field(
        "", title="Name", description="Of the new model; empty: the old one's + tuned."
    )
