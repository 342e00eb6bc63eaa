"""One batch in the viewer: it outlives the panel that began it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet.core.progress import Progress
from napari_unet.services.segmentation.batch import (
    FileDone,
    Task,
    make_tasks,
    segment_files,
    summary,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome as JobOutcome
    from napari_unet.services.segmentation.batch import Existing, Outcome
    from napari_unet.services.segmentation.options import SegmentOptions


@dataclass(frozen=True, kw_only=True)
class Listed(Progress):
    """The images were found."""

    tasks: list[Task]


@dataclass(frozen=True)
class Folders:
    """What a batch is to do.

    Attributes
    ----------
    images, results
        The folders.
    source
        What the model was loaded from.
    options, axes, existing
        As for `segment_files`.
    """

    images: Path
    results: Path
    source: str
    options: SegmentOptions
    axes: str | None
    existing: Existing


class BatchRun(QObject):
    """A batch, and what became of its images so far.

    Parameters
    ----------
    jobs
        Runs it.
    folders
        What to do.

    Attributes
    ----------
    tasks
        The images, once they were found.
    outcomes
        What became of those that are done.
    complete
        Whether all are.
    """

    listed = Signal()
    """The images were found."""
    advanced = Signal(object)
    """One of them is done; its `Outcome`."""

    def __init__(self, jobs: Jobs, folders: Folders) -> None:
        super().__init__(jobs)
        self._jobs = jobs
        self.folders = folders
        self.tasks: list[Task] = []
        self.outcomes: list[Outcome] = []
        self.complete = False

    def start(self, model: Model) -> None:
        """Segment all images.

        Raises
        ------
        UserError
            When another job is at work.
        """
        self._jobs.start(
            f"Segmenting {self.folders.images.name}",
            _batch(self.folders, model),
            on_step=self._take,
            on_end=self._end,
        )

    def _take(self, step: Progress) -> None:
        if isinstance(step, Listed):
            self.tasks = step.tasks
            self.listed.emit()
        elif isinstance(step, FileDone):
            self.outcomes.append(step.outcome)
            self.advanced.emit(step.outcome)

    def _end(self, outcome: JobOutcome[list[Outcome]]) -> None:
        self.complete = outcome.result is not None
        if outcome.result is not None:
            self._jobs.reported.emit(summary(outcome.result))
        elif outcome.cancelled and self.tasks:
            left = len(self.tasks) - len(self.outcomes)
            self._jobs.reported.emit(f"Cancelled: {summary(self.outcomes)} {left} are left.")


def _batch(folders: Folders, model: Model) -> Job[list[Outcome]]:
    """Find the images, which can take a while on a network drive, and segment them."""
    # it brings tifffile, which would make the opening of the panel late
    from napari_unet.services.files.images import find_images

    yield Progress(0, 0, "Looking for images")
    tasks = make_tasks(find_images([folders.images]), folders.results, None, into_folder=True)
    yield Listed(0, len(tasks), tasks=tasks)
    job = segment_files(tasks, model, folders.options, axes=folders.axes, existing=folders.existing)
    return (yield from job)
