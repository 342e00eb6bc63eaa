"""What a user can set about a fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.errors import UserError
from napari_unet.core.training.options import PRESETS, TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def make_options(
    preset: str, given: dict[str, Any], settings: Sequence[str], *, strength: float, **others: Any
) -> FinetuneOptions:
    """Join a preset, options and settings written ``name=value``.

    Raises
    ------
    UserError
        When a value is not allowed.
    """
    import pydantic

    values: dict[str, Any] = {**PRESETS[preset], **given, **others}
    if values.get("minutes") == 0:
        values["minutes"] = None
    augment: dict[str, Any] = {"strength": strength}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name.startswith("augment."):
            augment[name.removeprefix("augment.")] = value
        elif name == "augment":
            raise UserError(
                "The setting 'augment' can't be used",
                value=value,
                rule="It is made of several, such as augment.elastic.",
                remedy="Use --strength for all of them, or name one: --option augment.elastic=15.",
            )
        else:
            values[name] = value
    try:
        return FinetuneOptions(augment=AugmentOptions(**augment), **values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"The setting {'.'.join(map(str, first['loc']))!r} can't be used",
            value=first.get("input"),
            rule=f"{first['msg']}.",
            remedy="'napari-unet finetune --help' and docs/finetuning.md have the settings.",
        ) from error
