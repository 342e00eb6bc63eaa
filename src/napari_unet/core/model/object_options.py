"""How objects are found in the maps."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ObjectOptions(BaseModel):
    """How objects are found in the maps; nothing here needs the network again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    foreground: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Foreground",
        description="Probability above which a pixel belongs to an object: lower makes objects larger.",
        json_schema_extra={"look": "slider"},
    )
    seed: float = Field(
        0.4,
        ge=0,
        le=1,
        title="Separation",
        description="Share of the largest distance to the edge above which an object's core begins: "
        "higher divides more.",
        json_schema_extra={"look": "slider"},
    )
    smallest: float | None = Field(
        None,
        ge=0,
        title="Smallest object",
        description="Smaller objects are left out; in the image's unit squared (2-D) or cubed (3-D), in "
        "pixels where the pixel size is not known. None: 10 pixels.",
        json_schema_extra={"none": "10 pixels"},
    )
    fill_holes: bool = Field(
        True, title="Fill holes", description="Make holes inside an object part of it."
    )
