"""Segment files, one after the other; one that fails does not stop the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress, as_part
from napari_unet.services.segmentation.options import labels_are_objects
from napari_unet.services.segmentation.segment import segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.options import SegmentOptions

Existing = Literal["refuse", "skip", "replace"]
"""What to do with an image that already has a result. "skip" continues an interrupted run."""


@dataclass(frozen=True)
class Task:
    """One file to segment.

    Attributes
    ----------
    source
        The image file.
    labels
        Where its labels go.
    probabilities, uncertainty
        Where these go, or None.
    series
        Which image of the file.
    """

    source: Path
    labels: Path
    probabilities: Path | None = None
    uncertainty: Path | None = None
    series: int = 0

    @property
    def title(self) -> str:
        """Name of the file, with the number of the image if it is not the first."""
        return f"{self.source.name} image {self.series}" if self.series else self.source.name

    @property
    def outputs(self) -> list[Path]:
        """All files that are written."""
        paths = (self.labels, self.probabilities, self.uncertainty)
        return [path for path in paths if path is not None]


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


def make_tasks(
    sources: Sequence[Path],
    labels: Path,
    probabilities: Path | None = None,
    uncertainty: Path | None = None,
    *,
    into_folder: bool,
    series: int | None = None,
) -> list[Task]:
    """Pair inputs with outputs.

    Parameters
    ----------
    sources
        The image files.
    labels, probabilities, uncertainty
        Files for a single image, else folders in which each output keeps its input's stem.
    into_folder
        Whether the outputs are folders even for a single image.
    series
        Which image of each file; None: all. Outputs of files with several end in ``_series0``, …

    Raises
    ------
    UserError
        When two inputs would share an output, an output would overwrite an input, or a file of several
        images has a single output.
    """
    from napari_unet.services.files.images import SUFFIXES

    single = not into_folder and len(sources) == 1 and labels.suffix.lower() in SUFFIXES
    if single:
        number = _only_series(sources[0]) if series is None else series
        tasks = [Task(sources[0], labels, probabilities, uncertainty, number)]
    else:
        tasks = [
            Task(
                source,
                labels / name,
                probabilities and probabilities / name,
                uncertainty and uncertainty / name,
                number,
            )
            for source in sources
            for number, name in _output_names(source, series)
        ]
    _check_distinct(tasks)
    return tasks


def _output_names(source: Path, series: int | None) -> list[tuple[int, str]]:
    """Return the number of each image of a file that is segmented, and the name of its output."""
    if series is not None:
        return [(series, f"{source.stem}.tif")]
    count = _count(source)
    if count == 1:
        return [(0, f"{source.stem}.tif")]
    return [(number, f"{source.stem}_series{number}.tif") for number in range(count)]


def _only_series(source: Path) -> int:
    count = _count(source)
    if count > 1:
        raise UserError(
            f"{source.name} holds several images",
            value=f"{count} images, one output",
            rule="None of them is left out without a word.",
            remedy="Choose one by `series=0`, or give a folder as the output for all.",
        )
    return 0


def _count(source: Path) -> int:
    """Count the images of a file; one that can't be read fails when its turn comes."""
    from napari_unet.services.files.images import series_count

    try:
        return series_count(source)
    except UserError:
        return 1


def segment_files(
    tasks: Sequence[Task],
    model: Model,
    options: SegmentOptions,
    *,
    axes: str | None = None,
    existing: Existing = "refuse",
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
    existing
        What to do with an image that already has a result.

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
    outcomes = []
    for i, task in enumerate(tasks):
        job = _segment_file(task, model, options, axes, existing)
        try:
            outcome = yield from as_part(job, i, len(tasks), name=task.title)
        except UserError as error:
            outcome = Outcome(task, error)
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


def _segment_file(
    task: Task, model: Model, options: SegmentOptions, axes: str | None, existing: Existing
) -> Job[Outcome]:
    # imported here: the window opens the panel for batches before any file is read
    from napari_unet.services.files.images import open_image
    from napari_unet.services.files.save import check_output, save_labels, save_probabilities

    if existing == "skip" and all(path.exists() for path in task.outputs):
        return Outcome(task, skipped=True)
    # a run that was interrupted between two outputs is repeated
    overwrite = existing != "refuse"
    # refused before the work, not after it
    for path in task.outputs:
        check_output(path, overwrite)
    image = open_image(task.source, axes, task.series)
    outputs = {name: getattr(task, name) is not None for name in ("probabilities", "uncertainty")}
    options = options.model_copy(update=outputs)
    result = yield from segment(image, model, options)
    yield Progress(1, 1, "writing")
    save_labels(task.labels, result.labels, image, overwrite=overwrite)
    if task.probabilities is not None:
        names, values = model.spec.classes, result.probabilities
        save_probabilities(task.probabilities, values, image, names, overwrite=overwrite)
    if task.uncertainty is not None:
        names, values = ("uncertainty",), result.uncertainty[None]
        save_probabilities(task.uncertainty, values, image, names, overwrite=overwrite)
    numbered = labels_are_objects(model.spec, options)
    objects = int(result.labels.max()) if numbered else None
    return Outcome(task, objects=objects, notes=tuple(result.notes))


def _check_distinct(tasks: Sequence[Task]) -> None:
    sources = {task.source.resolve() for task in tasks}
    taken: dict[Path, Path] = {}
    for task in tasks:
        for path in task.outputs:
            other = taken.setdefault(path.resolve(), task.source)
            twice = task.outputs.count(path) > 1
            if path.resolve() in sources or other != task.source or twice:
                raise UserError(
                    f"{path} can't be the output for {task.source}",
                    value=f"also used for {other}" if other != task.source else "already in use",
                    rule="Every output needs a file of its own, different from all inputs.",
                    remedy="Choose another output, or run the folders one by one.",
                )
