"""The folder of a run by blocks: arrays, tables and marks of what is done."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.blocks.grid import BlockGrid
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.image.voxel_size import with_voxel_size
from napari_unet.core.inference.outputs import label_dtype
from napari_unet.core.model.file import load_model
from napari_unet.services.blocks.job import BlockJob
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.image.axes import Image
    from napari_unet.core.image.frames import Frame
    from napari_unet.services.segmentation.prepare import PreparedRun

JOB, MODEL = "job.json", "model.safetensors"
CHUNKS_A_BLOCK = {2: 4, 3: 2}
"""Chunks along each side of a block."""


class Workspace:
    """The folder of a run by blocks.

    Parameters
    ----------
    folder
        The folder.

    Attributes
    ----------
    folder
        As given.
    job
        What is run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job = BlockJob.model_validate_json((folder / JOB).read_text("utf-8"))

    @cached_property
    def image(self) -> Image:
        """The image."""
        source = self.job.source
        image = open_image(source.path, source.axes, source.series, level=source.level)
        return image if source.voxel_size is None else with_voxel_size(image, source.voxel_size)

    @cached_property
    def run(self) -> PreparedRun:
        """Image, model and options, at the scale and with the normalisation of the whole."""
        model = load_model(self.folder / MODEL)
        run = prepare(self.image, model, self.job.options, size=self.job.sizing)
        normalization = self.job.options.normalization or model.spec.normalization
        statistics = NormalizationStatistics(normalization, run.rescaled.frames, self.job.measured)
        return replace(run, statistics=statistics, told=True)

    @cached_property
    def grid(self) -> BlockGrid:
        """The blocks of each frame."""
        return BlockGrid(self.frames[0].shape, self.job.block)

    @property
    def frames(self) -> list[Frame]:
        """The planes or volumes."""
        return self.run.frames

    @cached_property
    def outputs(self) -> Any:
        """uint8, (frames, channels, …): the network's outputs."""
        return self._array("outputs", np.uint8, self.run.spec.config.out_channels)

    @cached_property
    def pieces(self) -> Any:
        """uint32, (frames, …): the pieces of each block."""
        return self._array("pieces", np.uint32)

    @cached_property
    def cores(self) -> Any:
        """uint32, (frames, …): the cores in them."""
        return self._array("cores", np.uint32)

    @cached_property
    def labels(self) -> Any:
        """The labels, with the label axes of the image: level 0 of what becomes the label image."""
        import zarr

        return zarr.open_array(str(self.folder / "image" / "0"), mode="r+")

    def label_layout(self) -> tuple[np.dtype[Any], tuple[int, ...], tuple[int, ...]]:
        """Return type, chunks and shards of the labels: a shard is what one block writes."""
        spatial = self.frames[0].spatial
        chunk = dict(zip(spatial, self._chunk(), strict=True))
        n = CHUNKS_A_BLOCK[len(spatial)]
        axes = self.image.label_axes
        chunks = tuple(chunk.get(a, 1) for a in axes)
        shards = tuple(n * c if a in spatial else c for a, c in zip(axes, chunks, strict=True))
        return label_dtype(self.run.spec, self.run.objects), chunks, shards

    def path(self, stage: str, index: int) -> Path:
        """Return the file that says that a task is done, and may hold its result."""
        return self.folder / stage / f"{index}.npz"

    def done(self, stage: str) -> set[int]:
        """Return which tasks of a stage are done."""
        found = (self.folder / stage).glob("*.npz") if (self.folder / stage).is_dir() else ()
        return {int(path.stem) for path in found if path.stem.isdigit()}

    def mark(self, stage: str, index: int, note: dict[str, Any] | None = None) -> None:
        """Note that a task is done."""
        with atomic_path(self.path(stage, index)) as temporary:
            temporary.write_text(json.dumps(note or {}), "utf-8")

    def note(self, stage: str, index: int) -> dict[str, Any]:
        """Return what was noted with a mark."""
        found: dict[str, Any] = json.loads(self.path(stage, index).read_text("utf-8"))
        return found

    def _chunk(self) -> tuple[int, ...]:
        n = CHUNKS_A_BLOCK[len(self.grid.shape)]
        sides = zip(self.grid.block, self.grid.shape, strict=True)
        return tuple(-(-min(block, length) // n) for block, length in sides)

    def _array(self, name: str, dtype: Any, *channels: int) -> Any:
        import zarr

        path = self.folder / f"{name}.zarr"
        if not path.exists():
            shape: Sequence[int] = (len(self.frames), *channels, *self.grid.shape)
            zarr.create_array(
                str(path),
                shape=tuple(shape),
                dtype=dtype,
                chunks=(1, *(1 for _ in channels), *self._chunk()),
                compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),
                fill_value=0,
            )
        return zarr.open_array(str(path), mode="r+")
