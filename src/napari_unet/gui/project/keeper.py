"""The project of a viewer: saved and opened in a thread, and which annotations are unsaved."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal

from napari_unet.gui.journal.layer_journal import in_memory
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.purpose import belongs, is_annotation, is_paint
from napari_unet.gui.layers.result_layer import RECORD, untouched
from napari_unet.gui.project import layers as project_layers
from napari_unet.gui.project.reading import Opened, layers_of, reading
from napari_unet.gui.project.work_list import WorkList
from napari_unet.gui.session.activity import Activity
from napari_unet.gui.session.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import napari
    from napari.layers import Layer

    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.storage.project import LayerNote, Project

OPTIONS = {"Segment": "segment", "Fine-tune": "finetune"}
"""Panels whose settings are kept, and their names in a project."""


class ProjectKeeper(QObject):
    """Saves what is in a viewer as a project, and opens one.

    Parameters
    ----------
    viewer
        The viewer.
    session
        Knows the current U-Net.
    keeper
        Journals what is painted.

    Attributes
    ----------
    work
        The folder of images that is worked through.
    folder
        Folder of the current project; None before one is saved or opened.
    options
        The settings of the panels: filled in before saving, and set in the panels after opening.
    in_dock
        Whether a dock shows the messages.
    """

    changed = Signal()
    """Another project is the current one."""
    reported = Signal(str, str)
    """A message for the user: ``"done"`` or ``"note"``, and the text."""
    refused = Signal(object)
    """It could not be saved or opened; the exception."""
    asked_for_options = Signal()
    """The panels have to fill in `options`."""
    opened = Signal()
    """A project was opened, or its U-Net was loaded."""

    def __init__(self, viewer: napari.Viewer, session: Session, keeper: PaintKeeper) -> None:
        super().__init__(session)
        self._viewer = weakref.ref(real(viewer))
        self._session = session
        self._keeper = keeper
        # its own jobs, so that a project can be saved while a network trains
        self.jobs = Jobs(self)
        self._activity = Activity(self.jobs)
        self.work = WorkList(viewer, session, keeper)
        self.folder: Path | None = None
        self.in_dock = False
        self.options: dict[str, Any] = {}
        self._saved: weakref.WeakKeyDictionary[Layer, str] = weakref.WeakKeyDictionary()
        self._missing: tuple[LayerNote, ...] = ()
        session.jobs.abandoned.connect(self.jobs.abandon)
        self.jobs.ended.connect(self._report)
        self.refused.connect(self._warn)

    @property
    def layers(self) -> list[Any]:
        """The viewer's layers."""
        viewer = self._viewer()
        return [] if viewer is None else list(map(real, viewer.layers))

    def unsaved(self) -> list[Labels]:
        """Return the painted layers that differ from the project as last saved or opened.

        Those of an image of a folder are saved beside it.
        """
        from napari_unet.services.storage.project_files import digest

        labels = [x for x in self.layers if isinstance(x, Labels) and not self.work.owns(x)]
        painted = [x for x in labels if self._is_painted(x)]
        return [layer for layer in painted if self._saved.get(layer) != digest(layer.data)]

    def leave(self) -> None:
        """Have unsaved layers offered for restoring later, and saved ones not."""
        viewer = self._viewer()
        if viewer is None:
            return
        keeper, unsaved = self._keeper, self.unsaved()
        for layer in unsaved:
            source = self.image_of(layer)
            if source is not None:
                keeper.keep(layer, source, painted=True)
        left = set(map(id, unsaved))
        keeper.settle([layer for layer in self._saved if id(layer) not in left])

    def image_of(self, labels: Any) -> Image | None:
        """Return the open image that a layer was painted on; None if it is not open."""
        images = (layer for layer in self.layers if isinstance(layer, Image))
        return next((image for image in images if belongs(labels, image)), None)

    def _report(self, outcome: Outcome[Any]) -> None:
        if outcome.error is not None:
            self.refused.emit(outcome.error)

    def _warn(self, error: Exception) -> None:
        # the dock shows it
        if not self.in_dock:
            show_warning(str(error))

    def _is_painted(self, layer: Labels) -> bool:
        if not in_memory(layer):
            return False
        if is_annotation(layer):
            return layer in self._saved or bool(layer.data.any())
        record = layer.metadata.get(RECORD)
        changed = isinstance(record, dict) and record.get("checksum") and not untouched(layer)
        return bool(changed) or self._keeper.painted(layer)

    def save(self, folder: Path, then: Callable[[], object] | None = None) -> None:
        """Save what is in the viewer.

        Parameters
        ----------
        folder
            Its folder; an earlier project there is replaced.
        then
            Called once it is saved.

        Raises
        ------
        UserError
            When a project is being saved or opened.
        """
        from napari_unet.services.storage.project import Project
        from napari_unet.services.storage.project_files import project_path, save_project

        self.asked_for_options.emit()
        held = {note.id: (note, pixels) for note, pixels in project_layers.kept(self.layers)}
        layers_now = [real(layer) for layer in self.layers]
        # layers whose files were not contents stay in the project
        missing = [note for note in self._missing if note.id not in held]
        project = Project(
            layers=(*missing, *(note for note, _ in held.values())),
            model=self._session.source,
            **self.options,
        )
        pixels = {key: data for key, (_, data) in held.items() if data is not None}

        def take(outcome: Outcome[Project]) -> None:
            if outcome.result is None:
                return
            self.folder = folder
            digests = {note.id: note.digest for note in outcome.result.layers}
            for layer in layers_now:
                self._saved[layer] = digests.get(str(layer.unique_id), "")
            self.changed.emit()
            self.reported.emit("done", _summary(outcome.result, folder))
            if then is not None:
                then()

        folder = project_path(folder)
        job = save_project(folder, project, pixels)
        self.jobs.start(f"Saving {folder.stem}", job, on_end=take)

    def open(self, folder: Path, *, replace: bool = False) -> None:
        """Open a project.

        Parameters
        ----------
        folder
            The project.
        replace
            Whether the layers in the viewer are removed, once the project has been read.

        Raises
        ------
        UserError
            When a job is running.
        """
        self._session.jobs.check_idle()

        def take(outcome: Outcome[Opened]) -> None:
            if outcome.result is not None:
                self._show(outcome.result, replace)

        self.jobs.start(f"Opening {folder.stem}", reading(folder), on_end=take)

    def _show(self, contents: Opened, replace: bool) -> None:
        """Show the layers of the project in the viewer."""
        from napari_unet.services.storage.project import find_model

        viewer = self._viewer()
        if viewer is None:
            return
        made = layers_of(contents)
        if replace:
            self.leave()
            viewer.layers.clear()
            self._keeper.restoring.release_removed()
        for layer in made.values():
            viewer.add_layer(layer)
        for key, layer in made.items():
            if key in contents.digests:
                self._saved[layer] = contents.digests[key]
        for layer in filter(is_paint, made.values()):
            image = self.image_of(layer)
            if image is not None:
                # for strokes to come, as no panel may be open
                self._keeper.keep(layer, image)
        self._missing = tuple(n for n in contents.project.layers if n.id in contents.problems)
        self.folder = contents.folder
        known = {name: getattr(contents.project, name) for name in OPTIONS.values()}
        self.options = {name: value for name, value in known.items() if value is not None}
        self.changed.emit()
        self._tell_opened(contents)
        model = find_model(contents.folder, contents.project)
        if model and model != self._session.source:
            # once more then: forms take some settings from the U-Net, and a job clears the message
            self._session.load(model, lambda: self._tell_opened(contents))

    def _tell_opened(self, contents: Opened) -> None:
        if contents.problems:
            self.reported.emit("note", "\n".join(map(str, contents.problems.values())))
        else:
            self.reported.emit(
                "done", f"Opened “{contents.folder.stem}”.{_ignored(contents.project)}"
            )
        self.opened.emit()


def _ignored(project: Project) -> str:
    """Return which settings of the file this version does not know; empty if it knows all."""
    names = ", ".join(project.ignored)
    return f" Settings of another version were ignored: {names}." if names else ""


def _summary(project: Project, folder: Path) -> str:
    """Return what was saved, and which images are stored in the project."""
    stored = [f"“{n.name}”" for n in project.layers if n.kind == "image" and n.stored]
    more = f" Stored in it, as they have no file: {', '.join(stored)}." if stored else ""
    return f"Saved as {folder.name}.{more}"
