"""Options for following objects through time."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrackingOptions(BaseModel):
    """How objects are linked from frame to frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_distance: float | None = Field(
        None,
        gt=0,
        title="Maximum distance",
        description="How far the centre of an object moves at most from one frame to the next. In the "
        "image's unit, or in pixels where the pixel size is unknown. None: the median diameter of the "
        "objects.",
        json_schema_extra={"none": "the objects' diameter"},
    )
    max_gap: int = Field(
        1,
        ge=0,
        le=20,
        title="Maximum gap",
        description="For how many frames in a row an object may be missing and still be the same.",
    )
    divisions: bool = Field(
        True,
        title="Divisions",
        description="Find objects that divide in two; both get numbers of their own.",
    )
