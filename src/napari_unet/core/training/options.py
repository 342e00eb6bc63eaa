"""What a user can set about a training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_unet.core.augment.options import AugmentOptions


class TrainingOptions(BaseModel):
    """How to train; the defaults suit the tuning of a network on a few images' paint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        title="Steps",
        description="Most training steps; each looks at one batch of patches.",
        json_schema_extra={"step": 100},
    )
    minutes: float | None = Field(
        4.5,
        gt=0,
        title="Minutes",
        description="Time to train; fewer steps are taken if need be. None: all steps.",
        json_schema_extra={"none": "no limit", "unit": "min", "decimals": 1},
    )
    pace: tuple[tuple[int, int], ...] | None = Field(
        None,
        title="Pace",
        description="To repeat a training that time limited, in place of the minutes: pairs of a step "
        "and the number of steps that were to be taken as it seemed then. --pace-of reads them.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="The highest, of decoder and head; it warms up and falls to nearly nothing.",
        json_schema_extra={"step": 0.0001, "decimals": 5},
    )
    encoder_rate: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Encoder's share",
        description="The encoder's learning rate as a share of the decoder's, when a network is tuned.",
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
        None, ge=1, le=1024, title="Batch", description="Patches a step; none: as suits the device."
    )
    patch: int | None = Field(
        None,
        ge=16,
        le=8192,
        title="Patch",
        description="Side of the patches in pixels; none: as suits the device and the images.",
        json_schema_extra={"unit": "px", "step": 32},
    )
    use_checkpointing: Literal["auto", "off", "all"] = Field(
        "auto",
        title="Activation checkpointing",
        description="Compute parts twice to save memory. auto: as little as makes the patches fit; "
        "off: never; all: as much as possible. The result is the same.",
    )
    augment: AugmentOptions = AugmentOptions()
    border_weight: float = Field(
        5.0,
        ge=0,
        le=100,
        title="Border weight",
        description="Of objects: how much more pixels between close ones weigh, of a network of classes "
        "the background there; 0: not.",
        json_schema_extra={"decimals": 1},
    )
    border_width: float = Field(
        5.0,
        ge=0.5,
        le=20,
        title="Border width",
        description="How far apart objects are that count as close, in pixels: where the distances to "
        "the two nearest add up to it, the border weight is six tenths of that where they touch.",
        json_schema_extra={"unit": "px", "decimals": 1},
    )
    average: float = Field(
        0.98,
        ge=0,
        lt=1,
        title="Weight average",
        description="Share of the running average of the weights that stays at each step; the average "
        "is what is kept.",
        json_schema_extra={"step": 0.01, "decimals": 3},
    )
    held_out: float = Field(
        0.2,
        ge=0,
        le=0.5,
        title="Held out",
        description="Share of the strokes or objects by which the network is judged.",
        json_schema_extra={"step": 0.05},
    )
    patience: int = Field(
        # all checks of a short training: ended before, its learning rate would not have fallen
        20,
        ge=1,
        title="Patience",
        description="Stop when so many checks in a row brought nothing better.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of everything that is drawn at random.")
    save_every: float = Field(
        60.0,
        gt=0,
        title="Save every",
        description="Seconds of training that a crash may cost: the state is saved somewhat more often.",
        json_schema_extra={"unit": "s", "step": 10, "decimals": 0},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", title="Device", description="auto: the graphics card if there is one, else the CPU."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        title="Precision",
        description="auto: 16 bit where the device is faster with it.",
    )
    memory: float | None = Field(
        None,
        gt=0,
        title="Memory",
        description="GiB that may be used; none: what is free.",
        json_schema_extra={"unit": "GiB"},
    )
