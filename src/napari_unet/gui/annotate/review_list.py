"""The list of objects to review, made in a thread, and made again after edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.errors import UserError
from napari_unet.gui.annotate.outputs_at_hand import OutputsAtHand
from napari_unet.gui.annotate.review_jobs import Listed, list_job
from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.editing import real
from napari_unet.gui.objects.measuring import TOO_LARGE
from napari_unet.gui.session.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.annotate.review_jobs import Order
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome

    Chosen = tuple[ImageLayer, Image, Labels | None]

RENEW_MS = 700
"""Time between an edit and the list that follows it."""
EDITS = ("paint", "labels_update", "data", "set_data")


class ReviewList(QObject):
    """Lists the objects of one annotation at a time.

    Parameters
    ----------
    parent
        Its owner.
    viewer
        The viewer.
    session
        Its U-Net tells which objects to look at.
    chosen
        Returns the image layer, its image and the annotation, if there is one.
    numbered
        Returns the objects of the annotation.

    Attributes
    ----------
    layer
        The annotation; None if there is none.
    listed
        The list; None if there is none yet.
    by
        Which list is wanted.
    """

    made = Signal(object, object, bool)
    """There is a list: the objects, their image layer, and whether it is the first of this kind."""
    forgotten = Signal()
    """There is no list any more."""
    failed = Signal(object)
    """The objects can't be listed; the exception."""

    def __init__(
        self,
        parent: QObject,
        viewer: napari.Viewer,
        session: Session,
        chosen: Callable[[], Chosen],
        numbered: Callable[[], Numbered],
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._chosen, self._numbered = chosen, numbered
        self._outputs = OutputsAtHand(session)
        # quick work is done beside the job of the viewer, such as a training
        self._jobs = Jobs(self)
        self._busy = False
        self.layer: Any = None
        self.listed: Listed | None = None
        self.by: Order = "doubt"
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(RENEW_MS)
        self._later.timeout.connect(self._renew)

    def let_go(self) -> None:
        """Listen to the layer no more."""
        self.take(None)
        self._jobs.abandon()

    def take(self, layer: Labels | None) -> None:
        """Be about this annotation from now on."""
        own = None if layer is None else real(layer)
        if own is self.layer:
            return
        for name in EDITS:
            if self.layer is not None:
                getattr(self.layer.events, name).disconnect(self._note_edit)
            if own is not None:
                getattr(own.events, name).connect(self._note_edit)
        self._later.stop()
        self.layer = own
        self.forget()

    def forget(self) -> None:
        """Drop the list."""
        self.listed = None
        self.forgotten.emit()

    def begin(self) -> None:
        """List the objects of the annotation."""
        try:
            source, image, layer = self._chosen()
            if layer is None:
                raise UserError(
                    "There are no objects yet",
                    rule="The objects of an annotation are reviewed.",
                    remedy="Press “Correct this result” first.",
                )
            if self._session.model is None:
                self._session.load(self._session.suggestions.first, self.begin)
            elif not self._busy:
                self._start(source, image)
        except UserError as error:
            self.failed.emit(error)

    def _start(self, source: ImageLayer, image: Image) -> None:
        numbered, model = self._numbered(), self._session.model
        assert model is not None
        if numbered.too_large:
            raise UserError(
                f"{numbered.layer.name!r} is too large for a list",
                rule=TOO_LARGE.replace("measure”", "doubt”"),
                remedy="Save the labels, and list the objects of the file.",
            )
        layer, by, before = self.layer, self.by, self.listed
        known = before.doubts if before is not None and before.by == by == "doubt" else None
        quick = self._outputs.kept(image) is not None
        outputs, checked = self._outputs.job(image, model), checked_layer(self._viewer, source)
        job = list_job(outputs, numbered, source, by, known, checked)

        def end(outcome: Outcome[Listed]) -> None:
            self._busy = False
            if outcome.error is not None and quick:
                self.failed.emit(outcome.error)
            if outcome.result is not None and layer is self.layer and by == self.by:
                self._outputs.keep(image, outcome.result.outputs)
                fresh, self.listed = self.listed is None, outcome.result
                self.made.emit(numbered, source, fresh)

        jobs = self._jobs if quick else self._session.jobs
        jobs.start("Listing the objects", job, on_end=end)
        self._busy = True

    def _note_edit(self, _: object = None) -> None:
        if self.listed is not None:
            self._later.start()

    def _renew(self) -> None:
        if self.listed is None:
            return
        if self._busy:
            self._later.start()
            return
        # it follows quietly: what can't be listed now is told when the user asks
        try:
            source, image, _ = self._chosen()
            if self._outputs.kept(image) is not None:
                self._start(source, image)
        except UserError:
            return
