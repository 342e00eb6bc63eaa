"""A folder of images, worked through one by one: leaving an image saves what was done on it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet.core.progress import finish
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.images import image_of, likely_axes
from napari_unet.gui.project.work_files import (
    Opened,
    Written,
    image_layers,
    label_layers,
    opening,
    restore_regions,
    to_write,
    writing,
)
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.session.responsiveness import in_slices, old_objects_left_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.storage.work_folder import WorkFolder, WorkImage

KEYS = {"PageDown": 1, "PageUp": -1}


class WorkList(QObject):
    """Shows an image of a folder at a time.

    Parameters
    ----------
    viewer
        Shows the images.
    session
        What the panels share; they find the work list there.
    keeper
        Journals what is painted between two savings.

    Attributes
    ----------
    folder
        The folder; None: there is none.
    index
        Which image is shown; -1: none.
    jobs
        Its own, so that images can be changed while a network trains.
    """

    changed = Signal()
    """Another image is shown, or its state has changed."""
    refused = Signal(object)
    """An image could not be saved or opened; the exception."""

    def __init__(self, viewer: napari.Viewer, session: Session, keeper: PaintKeeper) -> None:
        super().__init__(session)
        self._viewer = weakref.ref(real(viewer))
        self._session = session
        self._keeper = keeper
        self._shown: list[Any] = []
        self.folder: WorkFolder | None = None
        self.index = -1
        self._turning = False
        self.jobs = Jobs(self)
        session.jobs.abandoned.connect(self.jobs.abandon)
        session.work_list = self

    def open(self, folder: Path) -> None:
        """Work through the images of a folder from now on, beginning with the first one to do.

        Raises
        ------
        UserError
            When there are no images in it.
        """
        from napari_unet.services.storage.work_folder import WorkFolder

        read = WorkFolder.read(folder)

        def begin() -> None:
            self.folder = read
            self._bind()
            states = [image.state for image in read.images]
            first = [i for i, state in enumerate(states) if state != "checked"]
            self._open(first[0] if first else 0)

        self._leave(begin)

    def close_folder(self) -> None:
        """Save the image that is shown, and work through the folder no longer."""

        def end() -> None:
            self.folder, self.index = None, -1
            self._bind()
            self.changed.emit()

        self._leave(end)

    def go(self, step: int) -> bool:
        """Show the next image, or with -1 the one before; return whether there is one."""
        wanted = self.index + step
        if self.folder is None or not 0 <= wanted < len(self.folder.images):
            return False
        self.show(wanted)
        return True

    def show(self, index: int) -> None:
        """Save the image that is shown, and show another."""
        if self.folder is not None and index != self.index and not self.busy:
            self._leave(lambda: self._open(index))

    @property
    def busy(self) -> bool:
        """Whether an image is being saved, opened or shown."""
        return self.jobs.running or self._turning

    def others(self, kind: Kind, source: Any) -> tuple[WorkImage, ...]:
        """Return the other images of the folder with an annotation, if one of them is that shown."""
        if self.folder is None or not any(real(source) is layer for layer in self._shown):
            return ()
        return self.folder.annotated(kind, [self.folder.images[self.index].path])

    def owns(self, layer: Layer) -> bool:
        """Whether a layer belongs to the image that is shown, and is saved with it."""
        layer = real(layer)
        ids = {str(own.unique_id) for own in self._shown}
        return any(layer is own for own in self._shown) or bool(ids & set(_texts(layer.metadata)))

    def save_now(self) -> None:
        """Save the image that is shown, and wait for it: the window is closing.

        Raises
        ------
        UserError
            When it can't be saved.
        """
        self.jobs.wait()
        written = self._to_write()
        if written is not None:
            finish(writing(written))
            self._settle(written)

    def _leave(self, then: Callable[[], None]) -> None:
        """Save the image that is shown, take it out of the viewer, and go on.

        Raises
        ------
        UserError
            When a job is at work on it, or labels don't fit it.
        """
        self._session.jobs.check_idle()
        written = self._to_write()
        if written is None:
            in_slices(self, self._remove(then))
            return
        # a stroke while it is written would be lost
        for file in written.files:
            file.layer.editable = False

        def end(outcome: Outcome[None]) -> None:
            for file in written.files:
                file.layer.editable = True
            if outcome.error is not None or outcome.cancelled:
                self._refuse(outcome.error)
                return
            self._settle(written)
            in_slices(self, self._remove(then))

        self.jobs.start(f"Saving {written.image.name}", writing(written), on_end=end)

    def _to_write(self) -> Written | None:
        viewer, source = self._viewer(), self._source
        if viewer is None or source is None or self.folder is None:
            return None
        pixels = image_of(source, likely_axes(source))
        return to_write(viewer, source, pixels, self.folder.images[self.index])

    @property
    def _source(self) -> ImageLayer | None:
        viewer = self._viewer()
        there = [] if viewer is None else [layer for layer in self._shown if layer in viewer.layers]
        return there[0] if there else None

    def _settle(self, written: Written) -> None:
        """Have the journals of what is saved end with its layers."""
        self._keeper.settle([file.layer for file in written.files])

    def _remove(self, then: Callable[[], None]) -> Iterator[None]:
        """Take the image out of the viewer, a layer at a time, and go on."""
        viewer, self._turning = self._viewer(), True
        if viewer is not None:
            for layer in [layer for layer in viewer.layers if self.owns(layer)][::-1]:
                if layer in viewer.layers:
                    # napari collects garbage each time
                    with old_objects_left_alone():
                        viewer.layers.remove(layer)
                yield
        self._keeper.restoring.release_removed()
        self._shown, self._turning = [], False
        then()

    def _open(self, index: int) -> None:
        assert self.folder is not None
        image = self.folder.images[index]
        self.index = index

        def end(outcome: Outcome[Opened]) -> None:
            if outcome.result is None:
                self._refuse(outcome.error)
                return
            in_slices(self, self._show(outcome.result))

        self.jobs.start(f"Opening {image.name}", opening(image), on_end=end)

    def _show(self, opened: Opened) -> Iterator[None]:
        """Show an image, and what was saved of it, a layer at a time."""
        self._turning = True
        try:
            yield from self._add(opened)
        except Exception as error:  # noqa: BLE001 - napari may refuse what a file holds
            self.refused.emit(error)
        finally:
            self._turning = False
        self.changed.emit()

    def _add(self, opened: Opened) -> Iterator[None]:
        viewer = self._viewer()
        if viewer is None:
            return
        self._shown = image_layers(opened)
        for layer in self._shown:
            viewer.add_layer(layer)
            yield
        viewer.reset_view()
        source = self._shown[0]
        made = label_layers(opened, source, image_of(source, likely_axes(source)))
        for labels in made:
            # only the last is seen
            labels.visible = labels is made[-1]
            yield
            viewer.add_layer(labels)
            self._keeper.keep(labels, source)
        yield
        restore_regions(viewer, source, opened)

    def _refuse(self, error: Exception | None) -> None:
        if error is not None:
            self.refused.emit(error)
        self.changed.emit()

    def _bind(self) -> None:
        """Take the keys while there is a folder; the planes of a stack that is annotated come first."""
        viewer = self._viewer()
        for key, step in KEYS.items() if viewer is not None else ():
            assert viewer is not None
            if self.folder is None:
                viewer.bind_key(key, None)
            else:
                viewer.bind_key(key, self._turned(step), overwrite=True)

    def _turned(self, step: int) -> Callable[[Any], None]:
        def turn(_: Any) -> None:
            try:
                self.go(step)
            except Exception as error:  # noqa: BLE001 - shown like an error of the job itself
                self.refused.emit(error)

        return turn


def _texts(value: Any) -> list[str]:
    """Return all texts in metadata, however deep."""
    if isinstance(value, dict):
        return [text for inside in value.values() for text in _texts(inside)]
    return [value] if isinstance(value, str) else []
