"""What napari opens, wired together: the only file that knows all panels."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from napari_unet.gui.annotate.panel import AnnotatePanel
from napari_unet.gui.batch.panel import BatchPanel
from napari_unet.gui.finetune.panel import FinetunePanel
from napari_unet.gui.journal.keeper import PaintKeeper
from napari_unet.gui.layers.editing import real
from napari_unet.gui.models.panel import ModelsPanel
from napari_unet.gui.project.closing import Closing
from napari_unet.gui.project.keeper import ProjectKeeper
from napari_unet.gui.segment.panel import SegmentPanel
from napari_unet.gui.session.session import Session
from napari_unet.gui.studio.panel import StudioPanel
from napari_unet.services.storage.journal_files import JournalFiles
from napari_unet.services.system.threads import wait_without_spinning

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from qtpy.QtWidgets import QMainWindow, QWidget

    from napari_unet.gui.widgets.panel import Panel

# while no panel has imported PyTorch yet
wait_without_spinning()

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
        files = JournalFiles(self.session.library.folder.parent / "journal")
        keeper = PaintKeeper(self.viewer, files, self.session)
        self.session.jobs.abandoned.connect(keeper.close)
        return keeper

    @cached_property
    def project(self) -> ProjectKeeper:
        """What saves the viewer as a project."""
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
        Closing(self.viewer, window, lambda: self.project)


_parts: WeakKeyDictionary[napari.Viewer, ViewerParts] = WeakKeyDictionary()


def parts_of(viewer: napari.Viewer) -> ViewerParts:
    """Return what the panels of a viewer share, made when first asked for."""
    # plugins are handed a proxy, of which there may be many for one viewer
    viewer = real(viewer)
    if viewer not in _parts:
        _parts[viewer] = ViewerParts(viewer)
    return _parts[viewer]


class ModelsDock(ModelsPanel):
    """*Load U-Net*, as napari opens it."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, parts_of(napari_viewer).session)


class SegmentDock(SegmentPanel):
    """*Segment*, as napari opens it."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        parts = parts_of(napari_viewer)
        super().__init__(napari_viewer, parts.session, parts.keeper)


class AnnotateDock(AnnotatePanel):
    """*Annotate*, as napari opens it."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        parts = parts_of(napari_viewer)
        super().__init__(napari_viewer, parts.session, parts.keeper)


class FinetuneDock(FinetunePanel):
    """*Fine-tune*, as napari opens it."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        parts = parts_of(napari_viewer)
        super().__init__(napari_viewer, parts.session, parts.keeper)


class BatchDock(BatchPanel):
    """*Batch*, as napari opens it."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, parts_of(napari_viewer).session)


PAGES: dict[str, Callable[[napari.Viewer], Panel]] = {
    "Load U-Net": ModelsDock,
    "Segment": SegmentDock,
    "Annotate": AnnotateDock,
    "Fine-tune": FinetuneDock,
    "Batch": BatchDock,
}
"""The panels by title, in the order of work."""


class StudioDock(StudioPanel):
    """*U-Net Studio*, as napari opens it: all panels as tabs."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self._parts = parts = parts_of(napari_viewer)
        pages = {title: partial(make, napari_viewer) for title, make in PAGES.items()}
        super().__init__(napari_viewer, parts.session, parts.keeper, parts.project, pages)
        parts.studio = self

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self._parts.studio = None
        super().let_go()
