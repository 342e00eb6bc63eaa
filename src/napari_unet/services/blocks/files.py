"""Segments files by blocks, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, as_part
from napari_unet.services.blocks.clusters import engine_of
from napari_unet.services.blocks.job import Source
from napari_unet.services.blocks.run import BlockResult, segment_by_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import Model
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.tasks import Task


def segment_files_by_blocks(
    tasks: Sequence[Task],
    model: Model,
    options: SegmentOptions,
    *,
    cluster: str | None = None,
    axes: str | None = None,
    voxel_size: str | None = None,
    overwrite: bool = False,
    model_source: str = "",
) -> Job[list[BlockResult]]:
    """Segment files by blocks and write their labels.

    Parameters
    ----------
    tasks
        What to read and write.
    model, options, overwrite, model_source
        As for `segment_by_blocks`.
    cluster
        Who computes, as in `engine_of`.
    axes, voxel_size
        Of the images, where what the files state is wrong.

    Raises
    ------
    UserError
        As `segment_by_blocks`, and for outputs other than labels.
    """
    others = [path for task in tasks for path in task.outputs if path != task.labels]
    if others:
        raise UserError(
            "By blocks, only labels are written",
            value=others[0],
            rule="Probabilities, outlines and tables are made of the whole image.",
            remedy="Leave them out; `napari-unet measure` makes a table from the labels.",
        )
    results = []
    for i, task in enumerate(tasks):
        source = Source(path=str(task.source), axes=axes, series=task.series, voxel_size=voxel_size)
        job = segment_by_blocks(
            source,
            task.labels,
            model,
            options,
            engine=engine_of(cluster),
            overwrite=overwrite,
            model_source=model_source,
        )
        results.append((yield from as_part(job, i, len(tasks), name=task.title)))
    return results
