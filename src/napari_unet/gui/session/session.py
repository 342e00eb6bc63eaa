"""What the panels of one viewer share: the current model, the library and the running job."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_unet.core.errors import UserError
from napari_unet.core.model.spec import with_diameter
from napari_unet.core.progress import Progress
from napari_unet.gui.session.activity import Activity
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.session.responsiveness import torch_ready
from napari_unet.gui.session.settings import SharedSettings
from napari_unet.gui.session.suggestions import Suggestions
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.state_files import TrainingFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.library import Entry
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.storage.work_folder import WorkImage


class Training(Protocol):
    """A training, as far as panels other than *Fine-tune* look at it."""

    @property
    def result(self) -> object | None:
        """A network that waits to be kept or discarded, with its scores; None if there is none."""


class Work(Protocol):
    """A folder of images, as far as panels look at it."""

    def go(self, step: int) -> bool:
        """Show the next image, or with -1 the one before; return whether there is one."""

    def others(self, kind: Kind, source: object) -> tuple[WorkImage, ...]:
        """Return the other images with an annotation, if an image of the folder is shown."""


class Session(QObject):
    """The current model and the one job of a viewer; it knows no panel.

    Parameters
    ----------
    open_panel
        Opens one of our panels by its title, or brings it to the front, and returns it.
    library
        Where models are listed and loaded from; None: the user's own.
    jobs
        Runs the job; None: in a thread of its own.

    Attributes
    ----------
    library, jobs
        As given.
    model
        The current model; None before the first is loaded.
    source
        What the current model was loaded from: a library name or a path.
    earlier
        The same for the model before it; empty if there was none.
    suggestions
        Which network to offer for the image at hand.
    settings
        How images are segmented: the settings that *Segment* and *Batch* show.
    options
        How the last image was segmented.
    cached_outputs
        The network's outputs for that image; None if they are not known, or too large to be kept.
    training_files
        Where the states of trainings are saved.
    training
        The training that is running, or whose result waits for a decision; None if there is none.
    batch
        The last batch; None if there was none.
    work_list
        The folder of images that is worked through; None if there is none.
    """

    model_changed = Signal(object)
    """Another model is the current one; the model."""
    library_changed = Signal()
    """A model was added to the library."""
    window_found = Signal(object)
    """The viewer's window is known from now on; the window."""

    def __init__(
        self,
        open_panel: Callable[[str], Any],
        library: Library | None = None,
        jobs: Jobs | None = None,
    ) -> None:
        super().__init__()
        self.open_panel = open_panel
        self.library = library or Library()
        self.jobs = jobs or Jobs(self)
        self.model: Model | None = None
        self.source = self.earlier = ""
        self.suggestions = Suggestions(self, self.library)
        self.jobs.abandoned.connect(self.suggestions.let_go)
        self.settings = SharedSettings(self)
        self.model_changed.connect(self.settings.forget_threshold)
        self.options = SegmentOptions()
        self.cached_outputs: CachedOutputs | None = None
        self.training_files = TrainingFiles(self.library.folder.parent / "training")
        self.training: Training | None = None
        self.batch: object | None = None
        self.work_list: Work | None = None
        self._activity = Activity(self.jobs)

    def load(
        self, text: str, then: Callable[[], None] | None = None, *, fetch: bool = False
    ) -> None:
        """Load a model in a job and make it the current one.

        Parameters
        ----------
        text
            A library name, or the path of a model file or package.
        then
            Called once the model is loaded.
        fetch
            Download the weights of a package first.

        Raises
        ------
        UserError
            When another job is running.
        """

        def use(outcome: Outcome[Model]) -> None:
            if outcome.result is not None:
                self._use(outcome.result, text)
                if then is not None:
                    then()

        job = _load(self.library, text, fetch)
        self.jobs.start(f"Loading {Path(text).name}", job, on_end=use)

    def keep(self) -> None:
        """Add the current model to the library.

        Raises
        ------
        UserError
            When the file can't be written.
        """
        if self.model is not None:
            self.source = self.library.add(self.model).name
            self.library_changed.emit()

    def state_diameter(self, diameter: float | None) -> None:
        """State how large the objects are that the current model has learnt.

        Parameters
        ----------
        diameter
            In pixels; None: not known. If the model is one of the user's library, its file keeps it.

        Raises
        ------
        UserError
            When the diameter is not above 0, or the file can't be written.
        """
        if self.model is None or self.model.spec.diameter == diameter:
            return
        model = with_diameter(self.model, diameter)
        if any(entry.name == self.source and not entry.bundled for entry in self.library.entries()):
            self.library.set_diameter(self.source, diameter)
        self.model = model
        self.model_changed.emit(model)

    def keep_new(self, model: Model, then: Callable[[str], None], *, current: bool) -> None:
        """Add a new model to the library in a job.

        Parameters
        ----------
        model
            The model. It gets a name that no other model has.
        then
            Called with that name once the model is saved.
        current
            Whether to make it the current one.

        Raises
        ------
        UserError
            When another job is running.
        """

        def use(outcome: Outcome[Entry]) -> None:
            if outcome.result is None:
                return
            name, spec = outcome.result.name, outcome.result.spec
            if current:
                self._use(replace(model, spec=spec or model.spec), name)
            self.library_changed.emit()
            then(name)

        self.jobs.start(f"Saving {model.spec.name}", _add(self.library, model), on_end=use)

    def back(self) -> None:
        """Load the previous model again.

        Raises
        ------
        UserError
            When another job is running.
        """
        if self.earlier:
            self.load(self.earlier)

    def _use(self, model: Model, source: str) -> None:
        if source != self.source:
            self.earlier = self.source
        self.model, self.source = model, source
        # it is no more than a convenience
        with contextlib.suppress(UserError):
            self.suggestions.notes.use(source)
        self.model_changed.emit(model)

    def live_in(self, widget: QWidget) -> None:
        """End with the window that `widget` is in, and stop the job then."""
        if self.parent() is not None:
            return
        window = widget.parent()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parent()
        if window is not None:
            self.setParent(window)
            window.destroyed.connect(self.jobs.abandon)
            QApplication.instance().aboutToQuit.connect(self.jobs.abandon)
            self.window_found.emit(window)


def _load(library: Library, text: str, fetch: bool) -> Job[Model]:
    if fetch:
        from napari_unet.core.importers import fetch_weights

        yield from fetch_weights(Path(text))
    yield from torch_ready()
    model = yield from library.load(text)
    return model


def _add(library: Library, model: Model) -> Job[Entry]:
    yield Progress(0, 1)
    return library.add(model)
