"""Options for finding objects in the outputs of a network."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ObjectOptions(BaseModel):
    """How objects are found in the outputs of a network; changing it does not need the network again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    foreground: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Foreground",
        description="Probability above which a pixel belongs to an object. Lower makes objects larger.",
        json_schema_extra={"look": "slider"},
    )
    seed: float = Field(
        0.4,
        ge=0,
        le=1,
        title="Separation",
        description="Distance to the edge at which the core of an object begins, as a fraction of the "
        "largest distance in it. Higher splits more.",
        json_schema_extra={"look": "slider"},
    )
    smallest: float | None = Field(
        None,
        ge=0,
        title="Smallest object",
        description="Smaller objects are removed. In the image's unit squared (2-D) or cubed (3-D), or "
        "in pixels where the pixel size is unknown. None: 10 pixels.",
        json_schema_extra={"none": "10 pixels"},
    )
    fill_holes: bool = Field(True, title="Fill holes", description="Fill holes inside objects.")
