"""Segment files, one after the other; one that fails does not stop the rest."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Literal

from napari_unet.core.errors import UserError
from napari_unet.core.image.voxel_size import with_voxel_size
from napari_unet.core.progress import Progress, as_part
from napari_unet.services.segmentation.options import labels_are_objects
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment_prepared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.files.provenance import MadeBy
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.segment import Segmentation
    from napari_unet.services.segmentation.tasks import Task

Existing = Literal["refuse", "skip", "replace"]
"""What to do with an image that already has a result. "skip" continues an interrupted run."""


@dataclass(frozen=True)
class Outcome:
    """How one file of a batch ended.

    Attributes
    ----------
    task
        The file.
    error
        Why there is no result; None if there is one.
    skipped
        Whether it already had a result, which was kept.
    objects
        Number of objects; None if the labels are classes.
    notes
        What one should know of how the image was read, a sentence each.
    """

    task: Task
    error: UserError | None = None
    skipped: bool = False
    objects: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileDone(Progress):
    """A file is done: segmented, skipped or failed."""

    outcome: Outcome


def segment_files(
    tasks: Sequence[Task],
    model: Model,
    options: SegmentOptions,
    *,
    axes: str | None = None,
    voxel_size: str | None = None,
    level: int | None = None,
    existing: Existing = "refuse",
    model_source: str = "",
) -> Job[list[Outcome]]:
    """Segment files and write their labels.

    Parameters
    ----------
    tasks
        What to read and write.
    model, options
        As for `segment`.
    axes
        Axes of the images where the files' own are wrong; None: the files' own.
    voxel_size
        Their voxel size as in `parse_voxel_size`; None: as stated.
    level
        Of a pyramid in OME-Zarr, 0 for the largest; None: as `choose_level` chooses.
    existing
        What to do with an image that already has a result.
    model_source
        What the model was loaded from, for the record in the files.

    Yields
    ------
    Progress
        In units of files.
    FileDone
        After each file.

    Returns
    -------
    list of Outcome
        One for each task, in order.
    """
    # it takes a while to import
    from napari_unet.services.segmentation.made_by import model_record

    source = model_record(model, model_source)
    how = _How(model, options, axes, voxel_size, level, existing, source)
    outcomes = []
    for i, task in enumerate(tasks):
        job = _segment_file(task, how)
        try:
            outcome = yield from as_part(job, i, len(tasks), name=task.title)
        except UserError as error:
            outcome = Outcome(task, error)
        except (MemoryError, RuntimeError) as error:
            from napari_unet.core.device import is_out_of_memory

            if not is_out_of_memory(error):
                raise
            outcome = Outcome(task, _too_large(task, error))
        outcomes.append(outcome)
        yield FileDone(i + 1, len(tasks), task.title, outcome=outcome)
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> str:
    """Say in a sentence how many files were segmented, skipped and failed."""
    failed = sum(outcome.error is not None for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    done = len(outcomes) - failed - skipped
    parts = [f"{done} of {len(outcomes)} images segmented"]
    if skipped:
        parts.append(f"{skipped} already had a result")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts) + "."


def _is_result(path: Path, source: Image) -> bool:
    """Whether a file is complete and has the shape of an image, as its header says."""
    from napari_unet.services.files.images import open_labels

    try:
        found = open_labels(path)
    except UserError:
        return False
    sides = [image.sizes[axis] for image in (found, source) for axis in "YX"]
    return sides[:2] == sides[2:] and prod(found.data.shape) % prod(source.label_shape) == 0


def _too_large(task: Task, error: Exception) -> UserError:
    return UserError(
        f"Memory does not suffice for {task.title}",
        value=str(error).split("\n")[0] or "out of memory",
        rule="An image, and what is computed of it, must fit into the free memory.",
        remedy="Close other programs, or cut the image into parts.",
    )


@dataclass(frozen=True)
class _How:
    """What holds for all files of a batch, as for `segment_files`; `source` is that of the model."""

    model: Model
    options: SegmentOptions
    axes: str | None
    voxel_size: str | None
    level: int | None
    existing: Existing
    source: dict[str, str]

    @property
    def overwrite(self) -> bool:
        """Whether files may be replaced; a run that was interrupted between two outputs is repeated."""
        return self.existing != "refuse"


def _segment_file(task: Task, how: _How) -> Job[Outcome]:
    # imported here: the window opens the panel for batches before any file is read
    from napari_unet.services.files.images import open_image
    from napari_unet.services.files.save import check_free, check_output
    from napari_unet.services.segmentation.exports import check_exports, write_exports
    from napari_unet.services.segmentation.level import choose_level

    # a voxel size that is given is that of the largest
    asked = how.level if how.voxel_size is None else how.level or 0
    level = choose_level(task.source, how.model.spec, asked, task.series)
    if how.existing == "skip" and all(path.exists() for path in task.outputs):
        source = open_image(task.source, how.axes, task.series, level=level.number)
        if all(_is_result(path, source) for path in task.outputs):
            return Outcome(task, skipped=True)
    # refused before the work, not after it
    for path in task.outputs:
        (check_free if path in task.exports else check_output)(path, how.overwrite)
    check_exports(task)
    image = open_image(task.source, how.axes, task.series, level=level.number)
    if how.voxel_size is not None:
        image = with_voxel_size(image, how.voxel_size)
    outputs = {name: getattr(task, name) is not None for name in ("probabilities", "uncertainty")}
    options = how.options.model_copy(update=outputs)
    # what is told of the result is in its notes, which are shown with the name of the file
    result = yield from segment_prepared(prepare(image, how.model, options))
    yield Progress(1, 1, "writing")
    record = _save(task, how, image, result, level.number)
    yield from write_exports(task, image, result, record, how.overwrite)
    numbered = labels_are_objects(how.model.spec, options)
    objects = int(result.labels.max()) if numbered else None
    notes = [level.note] if level.note else []
    return Outcome(task, objects=objects, notes=(*notes, *result.notes))


def _save(task: Task, how: _How, image: Image, result: Segmentation, level: int) -> MadeBy:
    from napari_unet.services.files.save import save_labels, save_probabilities
    from napari_unet.services.segmentation.made_by import segmentation_record

    labels = segmentation_record(
        "labels",
        task.source,
        how.source,
        how.options,
        result.record,
        axes=how.axes,
        voxel_size=how.voxel_size,
        series=task.series or None,
        level=level or None,
    )
    save_labels(task.labels, result.labels, image, overwrite=how.overwrite, made_by=labels)
    if task.probabilities is not None:
        names, values = how.model.spec.classes, result.probabilities
        record = labels | {"made": "probabilities"}
        save_probabilities(
            task.probabilities, values, image, names, overwrite=how.overwrite, made_by=record
        )
    if task.uncertainty is not None:
        record, values = labels | {"made": "uncertainty"}, result.uncertainty[None]
        names = ("uncertainty",)
        save_probabilities(
            task.uncertainty, values, image, names, overwrite=how.overwrite, made_by=record
        )
    return labels
