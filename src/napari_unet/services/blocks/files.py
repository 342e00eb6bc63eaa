"""Segments files by blocks, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Notice, as_part
from napari_unet.services.blocks.clusters import engine_of
from napari_unet.services.blocks.job import Source
from napari_unet.services.blocks.run import BlockResult, segment_by_blocks
from napari_unet.services.files.save import has_output
from napari_unet.services.segmentation.level import choose_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import Model
    from napari_unet.services.blocks.job import BlockOptions
    from napari_unet.services.segmentation.batch import Existing
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.tasks import Task


def segment_files_by_blocks(
    tasks: Sequence[Task],
    model: Model,
    options: SegmentOptions,
    cutting: BlockOptions | None = None,
    *,
    cluster: str | None = None,
    axes: str | None = None,
    voxel_size: str | None = None,
    level: int | None = None,
    existing: Existing = "refuse",
    model_source: str = "",
) -> Job[list[BlockResult]]:
    """Segment files by blocks and write their labels.

    Parameters
    ----------
    tasks
        What to read and write.
    model, options, cutting, model_source
        As for `segment_by_blocks`.
    cluster
        Who computes, as in `engine_of`.
    axes, voxel_size
        Of the images, where what the files state is wrong.
    level
        Of a pyramid in OME-Zarr, 0 for the largest; None: as `choose_level` chooses.
    existing
        What to do with an image that already has a result.

    Raises
    ------
    UserError
        As `segment_by_blocks`, and for outputs other than labels.
    """
    _only_labels(tasks)
    reading: dict[str, Any] = {"axes": axes, "voxel_size": voxel_size}
    # a voxel size that is given is that of the largest
    asked = level if voxel_size is None else level or 0
    how: dict[str, Any] = {"overwrite": existing == "replace", "model_source": model_source}
    results = []
    for i, task in enumerate(tasks):
        if existing == "skip" and has_output(task.labels):
            results.append(BlockResult(task.labels, None, ("it has a result already",)))
            continue
        chosen = choose_level(task.source, model.spec, asked, task.series)
        if chosen.note:
            yield Notice(i, len(tasks), text=chosen.note)
        source = Source(path=str(task.source), series=task.series, level=chosen.number, **reading)
        engine = engine_of(cluster)
        job = segment_by_blocks(source, task.labels, model, options, cutting, engine=engine, **how)
        results.append((yield from as_part(job, i, len(tasks), name=task.title)))
    return results


def _only_labels(tasks: Sequence[Task]) -> None:
    others = [path for task in tasks for path in task.outputs if path != task.labels]
    if others:
        raise UserError(
            "By blocks, only labels are written",
            value=others[0],
            rule="Probabilities, outlines and tables are made of the whole image.",
            remedy="Leave them out; `napari-unet measure` makes a table from the labels.",
        )
