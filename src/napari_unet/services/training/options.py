"""The settings of a fine-tuning, and its presets: one declaration for form, command line and Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.errors import UserError
from napari_unet.core.training.options import TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

Preset = Literal["Quick", "Standard", "Thorough"]

CHANGEABLE = {
    "steps",
    "minutes",
    "pace",
    "patience",
    "learning_rate",
    "save_every",
    "name",
    "diameter",
}
"""Options that may change when a training is continued; all others are fixed once it has begun."""


class FinetuneOptions(TrainingOptions):
    """How to fine-tune; the defaults suit most images."""

    channels: tuple[int | str, ...] | None = Field(
        None,
        title="Channels",
        description="Image channels for the network's inputs, by number (from 0) or name. None: the "
        "first ones. If their number differs from the network's inputs, its first layer is adapted.",
        json_schema_extra={"none": "the first ones"},
    )
    classes: tuple[str, ...] | None = Field(
        None,
        title="Classes",
        description="Names of the annotated classes, without the background. None: the model's. Other "
        "classes get a new last layer.",
        json_schema_extra={"none": "as many as are painted"},
    )
    task: Literal["semantic", "objects"] | None = Field(
        None,
        title="Task",
        description="semantic: a class for each pixel; objects: separate touching objects. None: the "
        "model's task; objects if only objects are annotated and the model has one class. Another task "
        "gets a new last layer.",
        json_schema_extra={
            "none": "as before",
            "choices": [["classes of pixels", "semantic"], ["single objects", "objects"]],
        },
    )
    diameter: float | None = Field(
        None,
        ge=2,
        allow_inf_nan=False,
        title="Diameter",
        description="Typical diameter of the annotated objects in the image's pixels. None: measured; "
        "scribbles are taken to be on objects of the size that the model learnt.",
        json_schema_extra={"none": "measured", "unit": "px", "step": 1.0, "decimals": 1},
    )
    rescale: bool = Field(
        True,
        title="Rescale",
        description="Show the network annotated objects that are much smaller or larger than those it "
        "learnt at the size it knows, as when it segments. Off: at the image's own pixels; the new "
        "model states their diameter.",
    )
    name: str = Field(
        "", title="Name", description="Name of the new model. Empty: the old name with -tuned."
    )


PRESETS: dict[Preset, FinetuneOptions] = {
    "Quick": FinetuneOptions(steps=200, minutes=1.0),
    "Standard": FinetuneOptions(),
    "Thorough": FinetuneOptions(steps=10_000, minutes=20.0, patience=40),
}
PRESET_FIELDS = ("steps", "minutes", "patience")
"""What presets set; the other options stay as they are."""


def apply_preset(options: FinetuneOptions, preset: Preset) -> FinetuneOptions:
    """Return options with the training length of a preset."""
    changes = {name: getattr(PRESETS[preset], name) for name in PRESET_FIELDS}
    return options.model_copy(update=changes)


def preset_of(options: FinetuneOptions) -> Preset | None:
    """Return the preset that these options follow; None if they follow none."""
    for preset in PRESETS:
        if apply_preset(options, preset) == options:
            return preset
    return None


def make_options(
    base: FinetuneOptions, settings: Sequence[str] = (), **changes: Any
) -> FinetuneOptions:
    """Change options, and check the result.

    Parameters
    ----------
    base
        The options to start from, such as those of a preset.
    settings
        Changes written as text: ``patience=20``, ``augment.elastic=15``. They win over `changes`.
    **changes
        Changes by name. 0 minutes stand for no time limit.

    Returns
    -------
    FinetuneOptions
        The changed options; `base` stays as it is.

    Raises
    ------
    UserError
        When there is no such option, or a value is not allowed.
    """
    if changes.get("minutes") == 0:
        changes["minutes"] = None
    values = {**base.model_dump(), **changes}
    augment = values["augment"]
    values["augment"] = dict(
        augment.model_dump() if isinstance(augment, AugmentOptions) else augment
    )
    for setting in settings:
        name, _, value = setting.partition("=")
        if name == "augment":
            raise UserError(
                "The setting 'augment' can't be used",
                value=value,
                rule="It is a group of settings, such as augment.elastic.",
                remedy="Use --strength for all of them, or name one: --option augment.elastic=15.",
            )
        group = values["augment"] if name.startswith("augment.") else values
        group[name.removeprefix("augment.")] = value
    try:
        return FinetuneOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"The setting {'.'.join(map(str, first['loc']))!r} can't be used",
            value=first.get("input"),
            rule=f"{first['msg']}.",
            remedy="'napari-unet finetune --help' and docs/finetuning.md list the settings.",
        ) from error
