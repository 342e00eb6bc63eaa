"""The settings of a training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_unet.core.augment.options import AugmentOptions


class TrainingOptions(BaseModel):
    """How to train; the defaults suit fine-tuning on a few annotated images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        title="Steps",
        description="Maximum number of training steps. Each step learns from one batch of patches.",
        json_schema_extra={"step": 100},
    )
    minutes: float | None = Field(
        4.5,
        gt=0,
        title="Minutes",
        description="Time limit; fewer steps are taken if they do not fit in. None: no limit.",
        json_schema_extra={"none": "no limit", "unit": "min", "decimals": 1},
    )
    pace: tuple[tuple[int, int], ...] | None = Field(
        None,
        title="Recorded schedule",
        description="Repeats a training with a time limit, without the limit: pairs of a step and the "
        "number of steps planned from there on. --pace-of takes it from a model.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="The highest one, for decoder and head: it rises at first and falls to nearly zero. "
        "Down to a tenth of it for a network that is right already.",
        json_schema_extra={"step": 0.0001, "decimals": 5},
    )
    encoder_rate: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Encoder rate",
        description="Learning rate of the encoder in fine-tuning, as a fraction of the decoder's.",
        json_schema_extra={"step": 0.05},
    )
    weight_decay: float = Field(
        1e-4,
        ge=0,
        le=1,
        title="Weight decay",
        json_schema_extra={"step": 0.0001, "decimals": 5},
    )
    batch: int | None = Field(
        None,
        ge=1,
        le=1024,
        title="Batch",
        description="Patches in a step. None: chosen for the device.",
    )
    patch: int | None = Field(
        None,
        ge=16,
        le=8192,
        title="Patch",
        description="Side of the patches in pixels. None: chosen for the device and the images.",
        json_schema_extra={"unit": "px", "step": 32},
    )
    use_checkpointing: Literal["auto", "off", "all"] = Field(
        "auto",
        title="Activation checkpointing",
        description="Saves memory by computing parts of the network twice. auto: as few as make the "
        "patches fit; off: none; all: as many as possible. The result is the same.",
    )
    augment: AugmentOptions = AugmentOptions()
    border_weight: float = Field(
        5.0,
        ge=0,
        le=100,
        title="Border weight",
        description="Extra weight of pixels between close objects; for a network of classes, of the "
        "background between them. 0: none.",
        json_schema_extra={"decimals": 1},
    )
    border_width: float = Field(
        5.0,
        ge=0.5,
        le=20,
        title="Border width",
        description="Which objects count as close, in pixels: where the distances to the two nearest "
        "objects add up to it, the border weight is 0.6 of that between touching ones.",
        json_schema_extra={"unit": "px", "decimals": 1},
    )
    average: float = Field(
        0.98,
        ge=0,
        lt=1,
        title="Weight average",
        description="Fraction of the running average of the weights that is kept at each step. The "
        "new model has the averaged weights.",
        json_schema_extra={"step": 0.01, "decimals": 3},
    )
    held_out: float = Field(
        0.2,
        ge=0,
        le=0.5,
        title="Held out",
        description="Fraction of the strokes or objects that is held out for validation.",
        json_schema_extra={"step": 0.05},
    )
    patience: int = Field(
        # all validations of a short training: stopped early, its learning rate would not have fallen
        20,
        ge=1,
        title="Patience",
        description="Stop after so many validations in a row without improvement.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of everything that is random.")
    save_every: float = Field(
        60.0,
        gt=0,
        title="Save every",
        description="Save the training state at least every so many seconds, which a crash may cost.",
        json_schema_extra={"unit": "s", "step": 10, "decimals": 0},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", title="Device", description="auto: the graphics card if there is one, else the CPU."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        title="Precision",
        description="auto: 16 bit if the device is faster with it.",
    )
    memory: float | None = Field(
        None,
        gt=0,
        title="Memory",
        description="GiB that may be used; none: what is free.",
        json_schema_extra={"unit": "GiB"},
    )
