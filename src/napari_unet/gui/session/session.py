"""What the panels of one viewer share: the current model, the library and the running job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_unet.core.progress import Progress
from napari_unet.gui.session.activity import Activity
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.session.responsiveness import torch_ready
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.state_files import TrainingFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.library import Entry
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs


class Training(Protocol):
    """A training whose result may wait for a decision."""

    result: Any


class Session(QObject):
    """The current model and the one job of a viewer; it knows no panel.

    Parameters
    ----------
    open_panel
        Opens one of our panels by its title, or brings it to the front, and returns it.

    Attributes
    ----------
    library
        Where models are listed and loaded from.
    jobs
        Runs the job.
    model
        The current model, or None before the first is loaded.
    source
        What the current model was loaded from: a library name or a path.
    earlier
        Likewise of the model before it; empty if there was none.
    options
        How the newest image was segmented.
    kept
        What the network said of it; None: that is not known, or too much to be kept.
    training_files
        Where the states of trainings lie.
    training
        The training that is at work or whose result has not been decided on; None: there is none.
    batch
        The newest batch; None: there was none.
    """

    model_changed = Signal(object)
    """There is another current model."""
    library_changed = Signal()
    """The library has gained or lost a model."""
    window_found = Signal(object)
    """The viewer's window is known now."""

    def __init__(self, open_panel: Callable[[str], Any]) -> None:
        super().__init__()
        self.open_panel = open_panel
        self.library = Library()
        self.jobs = Jobs(self)
        self.model: Model | None = None
        self.source = self.earlier = ""
        self.options = SegmentOptions()
        self.kept: CachedOutputs | None = None
        self.training_files = TrainingFiles(self.library.folder.parent / "training")
        self.training: Training | None = None
        self.batch: object | None = None
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
            Called once the model is there.
        fetch
            Download the weights of a package first.

        Raises
        ------
        UserError
            When another job is at work.
        """

        def use(outcome: Outcome[Model]) -> None:
            if outcome.result is not None:
                self._use(outcome.result, text)
                if then is not None:
                    then()

        job = _load(self.library, text, fetch)
        self.jobs.start(f"Loading {Path(text).name}", job, on_end=use)

    def keep(self) -> None:
        """Put the current model into the library.

        Raises
        ------
        UserError
            When it can't be written.
        """
        if self.model is not None:
            self.source = self.library.add(self.model).name
            self.library_changed.emit()

    def keep_new(self, model: Model, then: Callable[[str], None], *, current: bool) -> None:
        """Put a new model into the library in a job.

        Parameters
        ----------
        model
            The model; nothing that is there is replaced.
        then
            Called with its name in the library once it is there.
        current
            Whether to make it the current one.

        Raises
        ------
        UserError
            When another job is at work.
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
        """Load the model that was the current one before this one.

        Raises
        ------
        UserError
            When another job is at work.
        """
        if self.earlier:
            self.load(self.earlier)

    def _use(self, model: Model, source: str) -> None:
        if source != self.source:
            self.earlier = self.source
        self.model, self.source = model, source
        self.model_changed.emit(model)

    def live_in(self, widget: QWidget) -> None:
        """Stop the job, and go, when the window that `widget` is in goes."""
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
