"""What napari opens, wired together: the only file that knows all panels."""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari_unet.gui.annotate.commands import COMMANDS
from napari_unet.gui.annotate.shortcuts import PREFIX, list_in_napari
from napari_unet.gui.layers.editing import real
from napari_unet.gui.session.responsiveness import import_soon
from napari_unet.gui.session.session import Session
from napari_unet.services.system.threads import wait_without_spinning

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from qtpy.QtWidgets import QMainWindow, QWidget

    from napari_unet.gui.annotate.panel import AnnotatePanel
    from napari_unet.gui.batch.panel import BatchPanel
    from napari_unet.gui.finetune.panel import FinetunePanel
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.measure.panel import MeasurePanel
    from napari_unet.gui.models.panel import ModelsPanel
    from napari_unet.gui.project.keeper import ProjectKeeper
    from napari_unet.gui.segment.panel import SegmentPanel
    from napari_unet.gui.studio.panel import StudioPanel

# while no panel has imported PyTorch yet
wait_without_spinning()

# for the panels that are opened next
import_soon(
    "napari_unet.gui.segment.panel",
    "napari_unet.gui.annotate.panel",
    "napari_unet.gui.finetune.panel",
    "napari_unet.gui.batch.panel",
)

PLUGIN = "napari-unet-studio"


class ViewerParts:
    """What the panels of one viewer share, each part made when first asked for.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        # it must not keep alive what is closed
        self._viewer = ref(viewer)
        self.session = Session(self.open_panel)
        self.studio: StudioPanel | None = None
        self.session.window_found.connect(self._guard)
        list_in_napari(run_command)

    @property
    def viewer(self) -> napari.Viewer:
        """The viewer."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the viewer is gone")
        return viewer

    @cached_property
    def keeper(self) -> PaintKeeper:
        """What journals the paint of the viewer."""
        from napari_unet.gui.journal.keeper import PaintKeeper
        from napari_unet.services.storage.journal_files import JournalFiles

        files = JournalFiles(self.session.library.folder.parent / "journal")
        keeper = PaintKeeper(self.viewer, files, self.session)
        self.session.jobs.abandoned.connect(keeper.close)
        return keeper

    @cached_property
    def project(self) -> ProjectKeeper:
        """What saves the viewer as a project."""
        from napari_unet.gui.project.keeper import ProjectKeeper

        return ProjectKeeper(self.viewer, self.session, self.keeper)

    def open_panel(self, title: str) -> QWidget:
        """Open one of our panels beside the others, or bring it to the front."""
        if self.studio is not None:
            return self.studio.show_page(title)
        dock, panel = self.viewer.window.add_plugin_dock_widget(PLUGIN, title, tabify=True)
        dock.show()
        dock.raise_()
        return panel

    def _guard(self, window: QMainWindow) -> None:
        """Ask before the window closes over paint that is not saved."""
        from napari_unet.gui.project.closing import Closing

        Closing(self.viewer, window, lambda: self.project)


_parts: WeakKeyDictionary[napari.Viewer, ViewerParts] = WeakKeyDictionary()


def parts_of(viewer: napari.Viewer) -> ViewerParts:
    """Return what the panels of a viewer share, made when first asked for."""
    # plugins are handed a proxy, of which there may be many for one viewer
    viewer = real(viewer)
    if viewer not in _parts:
        _parts[viewer] = ViewerParts(viewer)
    return _parts[viewer]


def run_command(name: str) -> None:
    """Do what a command of *Annotate* says in the viewer that is used, or say there what it needs."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        napari.utils.notifications.show_info("Open a window of napari first, and an image in it.")
        return
    panel: Any = parts_of(viewer).open_panel("Annotate")
    panel.run(name)


@cache
def _models_dock() -> type[ModelsPanel]:
    from napari_unet.gui.models.panel import ModelsPanel

    class ModelsDock(ModelsPanel):
        """*Load U-Net*, as napari opens it."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            super().__init__(napari_viewer, parts_of(napari_viewer).session)

    return ModelsDock


@cache
def _segment_dock() -> type[SegmentPanel]:
    from napari_unet.gui.segment.panel import SegmentPanel

    class SegmentDock(SegmentPanel):
        """*Segment*, as napari opens it."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            parts = parts_of(napari_viewer)
            super().__init__(napari_viewer, parts.session, parts.keeper)

    return SegmentDock


@cache
def _annotate_dock() -> type[AnnotatePanel]:
    from napari_unet.gui.annotate.panel import AnnotatePanel

    class AnnotateDock(AnnotatePanel):
        """*Annotate*, as napari opens it."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            parts = parts_of(napari_viewer)
            super().__init__(napari_viewer, parts.session, parts.keeper)

    return AnnotateDock


@cache
def _finetune_dock() -> type[FinetunePanel]:
    from napari_unet.gui.finetune.panel import FinetunePanel

    class FinetuneDock(FinetunePanel):
        """*Fine-tune*, as napari opens it."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            parts = parts_of(napari_viewer)
            super().__init__(napari_viewer, parts.session, parts.keeper)

    return FinetuneDock


@cache
def _measure_dock() -> type[MeasurePanel]:
    from napari_unet.gui.measure.panel import MeasurePanel

    class MeasureDock(MeasurePanel):
        """*Measure*, as napari opens it."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            parts = parts_of(napari_viewer)
            super().__init__(napari_viewer, parts.session, parts.keeper)

    return MeasureDock


@cache
def _batch_dock() -> type[BatchPanel]:
    from napari_unet.gui.batch.panel import BatchPanel

    class BatchDock(BatchPanel):
        """*Batch*, as napari opens it."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            super().__init__(napari_viewer, parts_of(napari_viewer).session)

    return BatchDock


@cache
def _studio_dock() -> type[StudioPanel]:
    from napari_unet.gui.studio.panel import StudioPanel

    class StudioDock(StudioPanel):
        """*U-Net Studio*, as napari opens it: all panels as tabs."""

        def __init__(self, napari_viewer: napari.Viewer) -> None:
            self._parts = parts = parts_of(napari_viewer)

            pages = {title: partial(_dock, name, napari_viewer) for title, name in PAGES.items()}
            super().__init__(napari_viewer, parts.session, parts.keeper, parts.project, pages)
            parts.studio = self

        def let_go(self) -> None:
            """Listen to the viewer no more."""
            self._parts.studio = None
            super().let_go()

    return StudioDock


def _dock(name: str, viewer: napari.Viewer) -> Any:
    return DOCKS[name]()(viewer)


PAGES = {
    "Load U-Net": "ModelsDock",
    "Segment": "SegmentDock",
    "Annotate": "AnnotateDock",
    "Fine-tune": "FinetuneDock",
    "Measure": "MeasureDock",
    "Batch": "BatchDock",
}
"""Titles of the panels in the order of work, and the names of their classes."""

DOCKS: dict[str, Callable[[], Any]] = {
    "ModelsDock": _models_dock,
    "SegmentDock": _segment_dock,
    "AnnotateDock": _annotate_dock,
    "FinetuneDock": _finetune_dock,
    "MeasureDock": _measure_dock,
    "BatchDock": _batch_dock,
    "StudioDock": _studio_dock,
}
"""What makes each class that the manifest names."""


def __getattr__(name: str) -> Any:
    # when napari asks for a panel: opening one would be late if it imported all of them
    if name in DOCKS:
        return DOCKS[name]()
    if (command := name.removeprefix(PREFIX)) in COMMANDS and command != name:
        return partial(run_command, command)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
