"""Begins a run by blocks, or finds the one that was interrupted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.inference.outputs import label_dtype
from napari_unet.core.model.file import save_model, weights_hash
from napari_unet.core.progress import Job, as_part
from napari_unet.services.blocks.block_shape import choose_block
from napari_unet.services.blocks.job import (
    BlockJob,
    BlockOptions,
    Source,
    size_values,
    statistics_values,
)
from napari_unet.services.blocks.workspace import JOB, MODEL, Workspace
from napari_unet.services.omezarr.labels import create_level
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.services.omezarr.targets import Version
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.prepare import PreparedRun

LATER = ("pieces", "join", "divide", "number", "numbers", "labels")
"""Folders of what follows from the network's outputs."""


def begin(
    folder: Path,
    image: Image,
    source: Source,
    model: Model,
    options: SegmentOptions,
    cutting: BlockOptions,
    version: Version,
) -> Job[Workspace]:
    """Prepare the folder of a run, or continue with what it has of the same run.

    Parameters
    ----------
    folder
        The folder.
    image, source
        The image, and how to open it again.
    model, options, cutting
        How to segment, and by which blocks.
    version
        Of OME-Zarr.

    Raises
    ------
    UserError
        When image, model and options don't go together.
    """
    run = prepare(image, model, options)
    sha = weights_hash(model.network.state_dict())
    wanted = BlockJob(
        version=__version__,
        form=version,
        source=source,
        stamp=source.stamp(),
        model=sha,
        options=options,
        cutting=cutting,
        block=(),
        size={},
        statistics={},
        record={},
        notes=[],
    )
    earlier = _earlier(folder)
    if earlier is not None and earlier.same_outputs(wanted):
        _relabel(folder, earlier, wanted)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "outputs").mkdir()
        save_model(model, folder / MODEL)
        run = yield from as_part(run.sized(), 0, 1, name="scale")
        block = choose_block(run, cutting.block)
        yield from as_part(_measured(run, block), 0, 1, name="normalisation")
        _save(folder, _complete(wanted, run, block))
    work = Workspace(folder)
    _create_labels(work, version)
    return work


def _measured(run: PreparedRun, block: Sequence[int]) -> Job[None]:
    """Measure the normalisation of frames of several blocks once, for all of them."""
    shape = run.frames[0].shape
    normalization = run.predictor.normalization
    if all(b >= n for b, n in zip(block, shape, strict=True)) and normalization.scope == "frame":
        return
    frames = run.rescaled.frames
    for i, frame in enumerate(frames):
        yield from as_part(run.statistics.prepare(frame), i, len(frames))


def _complete(wanted: BlockJob, run: PreparedRun, block: tuple[int, ...]) -> BlockJob:
    options = run.options.model_copy(update={"precision": run.plan.precision})
    return wanted.model_copy(
        update={
            "options": options,
            "block": block,
            "size": size_values(run.size),
            "statistics": statistics_values(run.statistics.measured),
            "record": run.record,
            "notes": [*run.image.notes, *run.size.notes, *_warnings(run)],
        }
    )


def _warnings(run: PreparedRun) -> list[str]:
    if run.spec.config.tiles_exactly:
        return []
    return [
        "This network's result depends on the tile: by blocks it differs from that of the whole."
    ]


def _relabel(folder: Path, earlier: BlockJob, wanted: BlockJob) -> None:
    """Keep the network's outputs of an earlier run; if other labels are wanted, nothing else."""
    if earlier.same_labels(wanted):
        return
    for name in LATER:
        shutil.rmtree(folder / name, ignore_errors=True)
    changed = {"options": wanted.options, "cutting": wanted.cutting}
    _save(folder, earlier.model_copy(update=changed))


def _earlier(folder: Path) -> BlockJob | None:
    try:
        return BlockJob.model_validate_json((folder / JOB).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _save(folder: Path, job: BlockJob) -> None:
    with atomic_path(folder / JOB) as temporary:
        temporary.write_text(job.model_dump_json(), "utf-8")


def _create_labels(work: Workspace, version: Version) -> None:
    folder = work.folder / "image"
    if (folder / "0").exists():
        return
    folder.mkdir(exist_ok=True)
    dtype, chunks, shards = work.label_layout()
    assert dtype == label_dtype(work.run.spec, work.run.objects)
    create_level(
        folder,
        0,
        work.image.label_shape,
        np.dtype(dtype),
        version,
        chunks,
        None if version == "0.4" else shards,
        work.image.label_axes,
    )
