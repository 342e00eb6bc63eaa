"""What a run by blocks is, as kept in its folder: all that a worker needs to take part."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from napari_unet.core.image.normalization import AffineNormalization
from napari_unet.services.omezarr.store import Place, is_zarr
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.sizing import Sizing

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_PART = 16_000_000
"""Pixels of the window of the largest part that is divided: about a GiB."""

OBJECT_OPTIONS = ("threshold", "separation", "smallest", "fill_holes")
"""Options that do not change the network's outputs."""
NO_EFFECT = ("device", "memory", "tile", "probabilities", "uncertainty")
"""Options that do not change labels, or are no part of a run by blocks."""


class BlockOptions(BaseModel):
    """How an image is cut into blocks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: int | None = Field(
        None,
        ge=16,
        title="Block",
        description="Side of the blocks in pixels. None: as large as a tile that fits the memory.",
        json_schema_extra={"none": "as memory allows", "unit": "px", "step": 64},
    )
    largest_part: int = Field(
        LARGEST_PART,
        ge=1,
        title="Largest part",
        description="Pixels of the window around touching objects up to which they are divided; larger "
        "ones remain one object, and are told. Dividing takes 80 bytes a pixel.",
        json_schema_extra={"unit": "px", "step": 1_000_000},
    )


class Source(BaseModel):
    """The image of a run, as it is opened."""

    model_config = ConfigDict(frozen=True)

    path: str
    axes: str | None = None
    series: int | None = None
    level: int = 0
    voxel_size: str | None = None

    def stamp(self) -> list[float]:
        """Return size and time of the file, by which a changed one is noticed."""
        path = Path(Place.of(self.path).container if is_zarr(self.path) else self.path)
        try:
            state = path.stat()
        except OSError:
            return []
        # a container is a folder, whose time changes as labels are added
        return [] if path.is_dir() else [float(state.st_size), state.st_mtime]


class BlockJob(BaseModel):
    """A run by blocks."""

    model_config = ConfigDict(frozen=True)

    version: str
    form: str
    source: Source
    stamp: list[float]
    model: str
    options: SegmentOptions
    cutting: BlockOptions
    block: tuple[int, ...]
    size: dict[str, Any]
    statistics: dict[str, dict[str, Any]]
    record: dict[str, Any]
    notes: list[str]

    @property
    def sizing(self) -> Sizing:
        """The scale at which the network is shown the image."""
        values = dict(self.size)
        values["factors"], values["notes"] = tuple(values["factors"]), tuple(values["notes"])
        return Sizing(**values)

    @property
    def measured(self) -> dict[str, AffineNormalization]:
        """The normalisation of the frames that were measured."""
        return {key: _affine(values) for key, values in self.statistics.items()}

    def same_outputs(self, other: BlockJob) -> bool:
        """Whether the network gives the same for another run, so that its outputs can be kept."""
        return self._network() == other._network()

    def same_labels(self, other: BlockJob) -> bool:
        """Whether all of another run is the same."""
        mine, others = (
            {name: getattr(job.options, name) for name in OBJECT_OPTIONS} for job in (self, other)
        )
        return self.same_outputs(other) and mine == others and self.cutting == other.cutting

    def _network(self) -> tuple[Any, ...]:
        left_out = {*OBJECT_OPTIONS, *NO_EFFECT}
        options = self.options.model_dump(exclude=left_out)
        return (
            self.version,
            self.form,
            self.source,
            self.stamp,
            self.model,
            options,
            self.cutting.block,
        )


def size_values(size: Sizing) -> dict[str, Any]:
    """Return a scale as JSON values."""
    return asdict(size) | {"warning": ""}


def statistics_values(measured: Mapping[str, AffineNormalization]) -> dict[str, dict[str, Any]]:
    """Return measured normalisations as JSON values."""
    return {key: asdict(affine) for key, affine in measured.items()}


def _affine(values: Mapping[str, Any]) -> AffineNormalization:
    clip = values["clip"]
    return AffineNormalization(
        tuple(values["gain"]),
        tuple(values["offset"]),
        None if clip is None else (clip[0], clip[1]),
        tuple((low, high) for low, high in values["limits"]),
    )
