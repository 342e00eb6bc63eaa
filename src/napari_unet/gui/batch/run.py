"""One batch in the viewer; it outlives the panel that started it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet.core.progress import Progress
from napari_unet.services.segmentation.batch import (
    FileDone,
    segment_files,
    summary,
)
from napari_unet.services.segmentation.tasks import Task, make_tasks

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
    """The images that a batch will segment, and how many files are labels of others."""

    tasks: list[Task]
    labels: int


@dataclass(frozen=True)
class Folders:
    """What a batch reads, writes and how.

    Attributes
    ----------
    images, results
        The folders.
    source
        What the model was loaded from.
    options, axes, existing
        As for `segment_files`.
    exports
        Which of rois, geojson and table are written to the folder of the results, too.
    """

    images: Path
    results: Path
    source: str
    options: SegmentOptions
    axes: str | None
    existing: Existing
    exports: frozenset[str] = frozenset()


class BatchRun(QObject):
    """A batch and its results so far.

    Parameters
    ----------
    jobs
        The jobs of the viewer.
    folders
        What to read and write, and how.

    Attributes
    ----------
    tasks
        The images, once they are listed.
    outcomes
        The results of those that are done.
    complete
        Whether all are done.
    """

    listed = Signal()
    """The images are listed."""
    advanced = Signal(object)
    """An image is done; its `Outcome`."""

    def __init__(self, jobs: Jobs, folders: Folders) -> None:
        super().__init__(jobs)
        self._jobs = jobs
        self.folders = folders
        self.tasks: list[Task] = []
        self._labels = 0
        self.outcomes: list[Outcome] = []
        self.complete = False

    def start(self, model: Model) -> None:
        """Segment all images.

        Raises
        ------
        UserError
            When another job is running.
        """
        self._jobs.start(
            f"Segmenting {self.folders.images.name}",
            _batch(self.folders, model),
            on_step=self._take,
            on_end=self._end,
        )

    def _take(self, step: Progress) -> None:
        if isinstance(step, Listed):
            self.tasks, self._labels = step.tasks, step.labels
            self.listed.emit()
        elif isinstance(step, FileDone):
            self.outcomes.append(step.outcome)
            self.advanced.emit(step.outcome)

    def _end(self, outcome: JobOutcome[list[Outcome]]) -> None:
        self.complete = outcome.result is not None
        if outcome.result is not None:
            without = f" {self._labels} label file(s) left out." if self._labels else ""
            self._jobs.reported.emit(summary(outcome.result) + without)
        elif outcome.cancelled and self.tasks:
            left = len(self.tasks) - len(self.outcomes)
            self._jobs.reported.emit(f"Cancelled: {summary(self.outcomes)} {left} are left.")


def _batch(folders: Folders, model: Model) -> Job[list[Outcome]]:
    """List the images, which can take a while on a network drive, and segment them."""
    # imports tifffile, which would delay the opening of the panel
    from napari_unet.services.files.images import find_images
    from napari_unet.services.files.names import labels_apart

    yield Progress(0, 0, "Looking for images")
    images, labels = labels_apart(find_images([folders.images]))
    rois, geojson, table = (
        folders.results if kind in folders.exports else None
        for kind in ("rois", "geojson", "table")
    )
    tasks = make_tasks(images, folders.results, into_folder=True, exports=(rois, geojson, table))
    yield Listed(0, len(tasks), tasks=tasks, labels=len(labels))
    job = segment_files(
        tasks,
        model,
        folders.options,
        axes=folders.axes,
        existing=folders.existing,
        model_source=folders.source,
    )
    return (yield from job)
