"""Saves the annotations of a viewer continuously, so that they can be restored after a crash."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.gui.journal.layer_journal import LayerJournal, in_memory
from napari_unet.gui.journal.note import image_identity
from napari_unet.gui.journal.restoring import Restoring
from napari_unet.gui.layers.checked_areas import CHECKED
from napari_unet.gui.session.jobs import Jobs
from napari_unet.services.storage.journal import SWEEP_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer

    from napari_unet.core.journal.records import ImageIdentity
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.storage.journal import Journal
    from napari_unet.services.storage.journal_files import JournalFiles

TICK_MS = 500
"""Time from a stroke, or from the last writing, to the next writing, which takes all strokes so far."""
MAX_CLOSING_S = 1.0
"""Longest time for comparing a layer when the viewer closes."""


class PaintKeeper(QObject):
    """Keeps a journal of each labels layer that is painted on.

    What was painted is offered again unless the user discards it or saves it in a project: after a
    crash, and also after the viewer was closed, because napari does not tell whether a layer was saved.
    A layer that was removed can be restored until the viewer is closed.

    Layers that stay on disk (Zarr, dask, memory-mapped files) and multiscale layers are left out: what
    is painted on them is on disk already, or must not be read as a whole.

    Parameters
    ----------
    viewer
        The viewer.
    files
        The files of the journals.
    parent
        It lives as long as this.

    Attributes
    ----------
    restoring
        Offers what is left of earlier layers.
    """

    def __init__(self, viewer: napari.Viewer, files: JournalFiles, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._files = files
        self._kept: dict[int, LayerJournal] = {}
        self._warned = False
        self._writer = Jobs(self)
        self.restoring = Restoring(viewer, files, self)
        self.restoring.added.connect(self._go_on)
        self._timer = QTimer(self)
        # not restarted by the next stroke, so that painting without a pause is saved too
        self._timer.setSingleShot(True)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._write)
        viewer.layers.events.removed.connect(self._take_removed)
        viewer.layers.events.inserted.connect(self._take_inserted)
        for layer in viewer.layers:
            self._listen_to_checks(layer)
        files.forget_old()

    def keep(self, labels: Labels, source: ImageLayer, *, painted: bool = False) -> None:
        """Save from now on what is painted on a labels layer over an image.

        Parameters
        ----------
        labels, source
            The layer and its image.
        painted
            Whether what is painted there already has to be saved.
        """
        labels = getattr(labels, "__wrapped__", labels)
        if id(labels) not in self._kept and in_memory(labels):
            self._keep(labels, image_identity(source), self._files.new())
        kept = self._kept.get(id(labels))
        if painted and kept is not None and not kept.begun:
            kept.begun = True
            kept.suspect()

    def painted(self, labels: Labels) -> bool:
        """Whether a layer has been painted on since `keep` was called for it."""
        kept = self._kept.get(id(labels))
        return kept is not None and kept.begun

    def settle(self, saved: Iterable[Labels]) -> None:
        """Tell which layers are saved elsewhere: their journals are deleted with the viewer."""
        safe = set(map(id, saved))
        for kept in self._kept.values():
            kept.saved = id(kept.layer) in safe

    def close(self) -> None:
        """Write what is left, and stop: the viewer is closing."""
        self._timer.stop()
        self._writer.wait()
        for kept in list(self._kept.values()):
            self._finish(kept)
            if kept.saved:
                self._files.forget(kept.journal.path)
            elif self._files.restorable_from(kept.journal) is not None:
                self._files.release(kept.journal.path)
        self._writer.abandon()
        self.restoring.close()

    def _go_on(self, layer: Labels, journal: Journal, image: ImageIdentity) -> None:
        """Go on with the journal of a layer that was restored."""
        self._keep(layer, image, journal, begun=True)

    def _keep(
        self, layer: Labels, image: ImageIdentity, journal: Journal, *, begun: bool = False
    ) -> None:
        self._kept[id(layer)] = LayerJournal(layer, image, journal, self._wake, begun=begun)

    def _wake(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _write(self) -> None:
        if self._writer.running:
            self._wake()
            return
        busy = [kept for kept in self._kept.values() if kept.changed]
        tasks = [kept.task(self._viewer()) for kept in busy]

        def look(outcome: Outcome[list[bool]]) -> None:
            if outcome.error is not None:
                for kept in busy:
                    kept.suspect()
                self._warn(outcome.error)
                return
            for kept, more in zip(busy, outcome.result or (), strict=False):
                kept.unfinished = more
            if any(kept.changed for kept in self._kept.values()):
                self._wake()

        if tasks:
            self._writer.start("Saving the annotation", _in_turn(tasks), on_end=look)

    def _warn(self, error: Exception) -> None:
        """Warn once that an annotation is not saved; the next stroke tries again."""
        if not self._warned:
            self._warned = True
            show_warning(str(error))

    def _take_inserted(self, event: Any) -> None:
        self._listen_to_checks(event.value)

    def _listen_to_checks(self, layer: Layer) -> None:
        if CHECKED in layer.metadata:
            layer.events.data.connect(self._note_checks)

    def _note_checks(self, _: object) -> None:
        for kept in self._kept.values():
            kept.note_checks()

    def _take_removed(self, event: Any) -> None:
        """Stop listening to a removed layer, but offer what was painted on it."""
        kept = self._kept.get(id(event.value))
        if kept is None:
            return
        self._writer.wait()
        self._finish(kept)
        left = self._files.restorable_from(kept.journal)
        if kept.saved:
            self._files.forget(kept.journal.path)
        elif left is not None:
            self.restoring.take_removed(left)
        self.restoring.changed.emit()

    def _finish(self, kept: LayerJournal) -> None:
        """Write what is left of a layer, and stop listening to it."""
        self._kept.pop(id(kept.layer))
        kept.let_go()
        if kept.changed:
            try:
                kept.task(None)(MAX_CLOSING_S)
            except UserError as error:
                self._warn(error)


def _in_turn(tasks: Sequence[Callable[[float], bool]]) -> Job[list[bool]]:
    more = []
    for i, task in enumerate(tasks):
        yield Progress(i, len(tasks), "Saving the annotation")
        more.append(task(SWEEP_S))
    return more
