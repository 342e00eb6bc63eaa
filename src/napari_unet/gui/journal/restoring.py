"""Annotations that are left in journals: offered again, added again, or deleted for good."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import QObject, Signal

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.gui.journal.note import find_image, layer_of
from napari_unet.gui.layers.checked_areas import restore_checks
from napari_unet.gui.layers.purpose import IMAGE
from napari_unet.gui.session.jobs import Jobs

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.journal.records import Replay
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.storage.journal import Journal
    from napari_unet.services.storage.journal_files import JournalFiles, RestorableAnnotation

CLOSING_GRACE_S = 5.0
"""A layer removed so shortly before the viewer closed was removed by that: napari empties its list."""


class Restoring(QObject):
    """The annotations of processes that have ended, and of layers that were removed.

    Those of removed layers can be restored until the viewer is closed.

    Parameters
    ----------
    viewer
        Restored layers are added to it.
    files
        The files of the journals.
    parent
        It lives as long as this.
    """

    changed = Signal()
    """There are more or fewer of them."""
    added = Signal(object, object, object)
    """A layer was added again; the layer, its journal, and the image's identity."""
    restored = Signal(object)
    """Likewise, once its journal is kept; the layer."""
    refused = Signal(object)
    """One could not be restored; the exception."""

    def __init__(self, viewer: napari.Viewer, files: JournalFiles, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._files = files
        self._removed: dict[Path, tuple[RestorableAnnotation, float]] = {}
        self._reader = Jobs(self)

    def available(self, image: ImageLayer | None) -> list[RestorableAnnotation]:
        """Return what can be restored of an image, the newest first."""
        layers = [] if image is None else [image]
        return [left for left in self._left() if find_image(layers, left.note.image)]

    def waiting(self) -> bool:
        """Whether an annotation of an image that is open can be restored."""
        viewer = self._viewer()
        layers = [] if viewer is None else viewer.layers
        return any(find_image(layers, left.note.image) for left in self._left())

    def discard(self, left: RestorableAnnotation) -> None:
        """Delete one for good."""
        self._removed.pop(left.path, None)
        self._files.forget(left.path)
        self.changed.emit()

    def restore(self, left: RestorableAnnotation) -> None:
        """Add one again, over its image.

        Raises
        ------
        UserError
            When its image is not open, or another is being restored.
        """
        viewer, wanted = self._viewer(), left.note.image
        if viewer is None:
            return
        if find_image(viewer.layers, wanted) is None:
            raise UserError(
                f"The image of “{left.note.name}” is not open",
                rule="An annotation is restored over the image that it was made on.",
                remedy=f"Open {wanted.path or f'“{wanted.name}”'} and press Restore again.",
            )

        def take(outcome: Outcome[tuple[Journal, Replay]]) -> None:
            self._removed.pop(left.path, None)
            if outcome.result is not None:
                self._add(*outcome.result)
            elif outcome.error is not None:
                self.refused.emit(outcome.error)
            self.changed.emit()

        job = _take_over(self._files, left.path)
        self._reader.start("Restoring the annotation", job, on_end=take)

    def take_removed(self, left: RestorableAnnotation) -> None:
        """Offer what was painted on a layer that has just been removed."""
        self._removed[left.path] = (left, time.monotonic())

    def release_removed(self) -> None:
        """Let what was on layers that have just been removed be restored at any later time."""
        for path, (_, when) in self._removed.items():
            if time.monotonic() - when < CLOSING_GRACE_S:
                self._files.release(path)
            else:
                self._files.forget(path)
        self._removed.clear()
        self.changed.emit()

    def _left(self) -> list[RestorableAnnotation]:
        here = [left for left, _ in self._removed.values()]
        return sorted([*here, *self._files.restorable()], key=lambda left: left.when, reverse=True)

    def close(self) -> None:
        """Stop: the viewer is closing."""
        self.release_removed()
        self._reader.abandon()

    def _add(self, journal: Journal, replay: Replay) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        layer: Labels = layer_of(replay.note, replay.paint)
        source = find_image(viewer.layers, replay.note.image)
        if source is not None:
            layer.metadata[IMAGE] = str(source.unique_id)
        viewer.add_layer(layer)
        checks = replay.note.look.get("checks")
        if source is not None and checks:
            restore_checks(viewer, source, cast("dict[str, Any]", checks))
        self.added.emit(layer, journal, replay.note.image)
        self.restored.emit(layer)


def _take_over(files: JournalFiles, path: Path) -> Job[tuple[Journal, Replay]]:
    yield Progress(0, 1, "Reading the annotation")
    journal = files.claim(path)
    return journal, journal.read()
