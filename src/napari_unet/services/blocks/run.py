"""Segments an image by blocks, from the image file to the label image."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.atomic import explained_writing
from napari_unet.core.errors import UserError
from napari_unet.core.file_lock import file_locked
from napari_unet.core.image.voxel_size import with_voxel_size
from napari_unet.core.progress import Job, Notice, Progress, as_part
from napari_unet.services.blocks.engine import InProcess, Ledger, describe_tasks
from napari_unet.services.blocks.job import BlockOptions, Source
from napari_unet.services.blocks.setup import begin
from napari_unet.services.blocks.tasks import stages, task_count, too_large
from napari_unet.services.files.images import open_image
from napari_unet.services.files.save import LABELS_NAME, check_output, save_labels
from napari_unet.services.omezarr.labels import complete_labels
from napari_unet.services.omezarr.store import is_zarr
from napari_unet.services.omezarr.targets import label_target, publish
from napari_unet.services.segmentation.made_by import model_record, segmentation_record

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.services.blocks.engine import Engine
    from napari_unet.services.blocks.workspace import Workspace
    from napari_unet.services.files.provenance import MadeBy
    from napari_unet.services.omezarr.targets import Version
    from napari_unet.services.segmentation.options import SegmentOptions

SHARES = {
    "outputs": 0.8,
    "pieces": 0.08,
    "join": 0.01,
    "divide": 0.04,
    "number": 0.01,
    "labels": 0.06,
}
"""Shares of the time, roughly."""


@dataclass(frozen=True)
class BlockResult:
    """What a run by blocks has made.

    Attributes
    ----------
    path
        The label image.
    objects
        Number of objects; None if the labels are classes.
    notes
        What one should know of it, a sentence each.
    """

    path: Path
    objects: int | None
    notes: tuple[str, ...]


def segment_by_blocks(
    source: Source,
    output: Path,
    model: Model,
    options: SegmentOptions,
    cutting: BlockOptions | None = None,
    *,
    engine: Engine | None = None,
    overwrite: bool = False,
    version: Version | None = None,
    model_source: str = "",
) -> Job[BlockResult]:
    """Segment an image by blocks; the labels are those of the whole, to the bit.

    What is done is kept in a folder beside the output until the label image is complete. A run that
    was stopped, however that happened, goes on where it was when it is started again.

    Parameters
    ----------
    source
        The image.
    output
        As for `save_labels`: TIFF or OME-Zarr.
    model, options
        As for `segment`.
    cutting
        Which blocks; None: the defaults.
    engine
        Who runs the tasks; None: this process.
    overwrite
        Whether labels that are there may be replaced.
    version
        Of OME-Zarr, for a new container.
    model_source
        What the model was loaded from, for the record.

    Yields
    ------
    Progress
        Often enough to cancel.
    Notice
        What is too large to be divided.

    Raises
    ------
    UserError
        When something does not fit, another run writes the same output, or blocks have failed; what is
        done is kept then.
    """
    check_output(output, overwrite)
    folder = work_folder(output)
    engine = engine or InProcess()
    with explained_writing(output):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with file_locked(folder.with_name(f"{folder.name}.lock")) as free:
        if not free:
            raise _in_use(output, folder)
        try:
            with explained_writing(folder / "disk"):
                image, form = _opened(source), _form(output, version)
                work = yield from begin(
                    folder, image, source, model, options, cutting or BlockOptions(), form
                )
                yield from run_stages(work, engine)
                made_by = _record(work, source, model, model_source)
                yield from _published(work, output, made_by, overwrite, version)
                result = yield from _result(work, output)
            shutil.rmtree(folder, ignore_errors=True)
            return result
        finally:
            engine.close()


def _in_use(output: Path, folder: Path) -> UserError:
    return UserError(
        f"{output.name} is being written by another run",
        value=folder,
        rule="Only one run at a time writes an output.",
        remedy="Wait for the other one, or choose another output.",
    )


def _opened(source: Source) -> Image:
    image = open_image(source.path, source.axes, source.series, level=source.level)
    return image if source.voxel_size is None else with_voxel_size(image, source.voxel_size)


def _form(output: Path, version: Version | None) -> Version:
    """Return the version of OME-Zarr that labels are kept in while they are computed."""
    return label_target(output, version, LABELS_NAME).version if is_zarr(output) else "0.5"


def work_folder(output: Path) -> Path:
    """Return the folder in which a run keeps what is done, beside its output."""
    if is_zarr(output):
        target = label_target(output, name=LABELS_NAME)
        name = f"{target.container.name}-{target.name}" if target.name else target.container.name
        return target.container.with_name(f".{name}.blocks")
    return output.with_name(f".{output.name}.blocks")


def run_stages(work: Workspace, engine: Engine) -> Job[None]:
    """Run all that is not done yet.

    Raises
    ------
    UserError
        When blocks have failed; the others are kept.
    """
    passed = 0.0
    for stage in stages(work):
        total = task_count(work, stage)
        done = work.done(stage)
        tasks = [i for i in range(total) if i not in done]
        ledger = Ledger(done=total - len(tasks))
        (work.folder / stage).mkdir(exist_ok=True)
        if tasks:
            for step in engine.run(work, stage, tasks, ledger):
                if isinstance(step, Notice):
                    yield Notice(passed, 1, text=step.text)
                    continue
                part = SHARES[stage] * min(step.done / max(total, 1), 1)
                yield Progress(passed + part, 1, f"{stage} {int(step.done)} of {total}")
        if ledger.failed:
            raise _failed(work, stage, ledger)
        passed += SHARES[stage]


def _failed(work: Workspace, stage: str, ledger: Ledger) -> UserError:
    named = "; ".join(describe_tasks(work, stage, ledger.failed))
    n = len(ledger.failed)
    return UserError(
        f"{n} block{'s' if n > 1 else ''} could not be computed",
        value=named,
        rule="The labels are written when all blocks are done. The others are kept.",
        remedy="Mend the cause, and start the same again: it goes on where it was.",
    )


def _record(work: Workspace, source: Source, model: Model, model_source: str) -> MadeBy:
    reading = {
        "axes": source.axes,
        "voxel_size": source.voxel_size,
        "series": source.series or None,
    }
    return segmentation_record(
        "labels",
        Path(source.path),
        model_record(model, model_source),
        work.job.options,
        work.job.record,
        level=source.level or None,
        **reading,
    )


def _published(
    work: Workspace, output: Path, made_by: MadeBy, overwrite: bool, version: Version | None
) -> Job[None]:
    """Write the label image where it belongs."""
    if not is_zarr(output):
        yield Progress(1, 1, "writing")
        save_labels(output, work.labels, work.image, overwrite=overwrite, made_by=made_by)
        return
    target = label_target(output, version, LABELS_NAME)
    finished = complete_labels(
        work.folder / "image",
        work.labels,
        work.image,
        work.image.label_axes,
        target,
        made_by=made_by,
        source="../../" if target.name else "",
    )
    yield from as_part(finished, 0, 1)
    publish(work.folder / "image", target, overwrite=overwrite)


def _result(work: Workspace, output: Path) -> Job[BlockResult]:
    notes: list[Any] = list(work.job.notes)
    missing = sum(work.note("outputs", i)["missing"] for i in work.done("outputs"))
    if missing:
        notes.append(f"{missing:,} pixels without data (NaN, infinite or “no data”): background.")
    objects = None
    if work.run.objects:
        objects = int(work.note("number", 0)["objects"])
        for frame, box in too_large(work):
            axes = zip(work.frames[frame].spatial, box, strict=True)
            place = ", ".join(f"{a}={s.start}:{s.stop}" for a, s in axes)
            text = (
                f"Objects that touch at {work.frames[frame].title} {place} are left as one: their part "
                "is larger than `largest_part`."
            )
            notes.append(text.replace("at  ", "at "))
            yield Notice(1, 1, text=notes[-1])
    return BlockResult(output, objects, tuple(notes))
