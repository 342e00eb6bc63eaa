"""Doubt of the objects in files: images and their labels in, a table out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.progress import Job, Progress
from napari_unet.services.evaluation.doubt import doubt_objects, suspect_annotations
from napari_unet.services.evaluation.measure import read_labelled, stacked
from napari_unet.services.segmentation.cached_outputs import cache_outputs

if TYPE_CHECKING:
    from napari_unet.core.model.spec import Model
    from napari_unet.core.objects.measure import Columns
    from napari_unet.services.files.pairs import FilePairs
    from napari_unet.services.segmentation.options import SegmentOptions

T = TypeVar("T")


def doubt_all(
    files: FilePairs,
    model: Model,
    options: SegmentOptions,
    *,
    axes: str | None = None,
    annotations: bool = False,
) -> Job[Columns]:
    """List the objects of one image, or of several in one table.

    Parameters
    ----------
    files
        Images and labels of objects.
    model, options
        The network, and how it is run.
    axes
        Axes of the images where the files' own are wrong.
    annotations
        Whether the labels are annotations, of which those come first that the network disagrees with
        most; otherwise results, of which the most doubtful do.

    Yields
    ------
    Progress
        In units of images.

    Raises
    ------
    UserError
        When files can't be read, or don't fit each other or the network.
    """
    labelled = read_labelled(files, axes=axes)
    tables: list[Columns] = []
    for i, (image, labels) in enumerate(labelled):
        outputs = yield from _within(cache_outputs(image, model, options), i, len(labelled), 0.0)
        if annotations:
            annotation = Annotation(image, labels, "objects", name=files.pairs[i][1].name)
            job = suspect_annotations(outputs, annotation, options)
        else:
            job = doubt_objects(outputs, labels)
        tables.append((yield from _within(job, i, len(labelled), 0.5)).columns)
    if len(tables) == 1:
        return tables[0]
    columns = stacked([image.name for image, _ in labelled], tables)
    order = np.argsort(-columns["disagreement" if annotations else "doubt"], kind="stable")
    return {name: values[order] for name, values in columns.items()}


def _within(job: Job[T], i: int, total: int, share: float) -> Job[T]:
    """Run a job as half of the work on an image."""
    try:
        while True:
            step = next(job)
            yield Progress(i + share + step.fraction / 2, total, step.note)
    except StopIteration as stop:
        result: T = stop.value
        return result
