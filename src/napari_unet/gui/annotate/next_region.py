"""Suggests where to paint next: the regions that the network would learn most from, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.annotate.commands import with_key
from napari_unet.gui.annotate.next_region_frame import show_place
from napari_unet.gui.annotate.next_region_jobs import (
    annotated,
    find_job,
    uncertainty_job,
)
from napari_unet.gui.annotate.outputs_at_hand import OutputsAtHand
from napari_unet.gui.layers.checked_areas import check_window
from napari_unet.gui.layers.images import selection_kept
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.results import map_layer
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.session.responsiveness import in_slices
from napari_unet.gui.widgets.fields import button, offer, text

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import Job
    from napari_unet.gui.annotate.next_region_jobs import Suggestion
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.next_region import Place, UncertaintyMap

    Chosen = tuple[ImageLayer, Image, Labels | None]

NEXT_TIP = (
    "Go to the part of the image where the U-Net is least sure and nothing is annotated yet: painting "
    "there teaches it most. Press again for the next best one."
)
CHECKED_TIP = (
    "Mark the yellow frame as checked: all of it is right now, including what is not painted. Fine-tune "
    "then learns all of it."
)
UNCERTAINTY_TIP = (
    "Show how unsure the U-Net is of each pixel: dark where it is sure, bright where it "
    "can't decide."
)
NO_IMAGE = "There is no image yet: open one first."
NO_FRAME = "There is no frame yet: press “Suggest next” first."


class NextRegionForm(QWidget):
    """Buttons, and a line that says where the suggestion is and why.

    Parameters
    ----------
    viewer
        Shows the suggested regions.
    session
        Its U-Net is run, unless its outputs for the image are kept there.
    chosen
        Returns the image layer, its image and the annotation, if there is one.
    *more
        Other buttons for parts of an image, to stand beside these.

    Attributes
    ----------
    next_button, checked_button
        Go to a suggestion, and mark it as checked. The panel lays them out in its foot.
    """

    failed = Signal(object)
    """What the user tried is not possible; the exception."""

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        chosen: Callable[[], Chosen],
        *more: QWidget,
    ) -> None:
        super().__init__()
        self._viewer, self._session, self._chosen = viewer, session, chosen
        self._outputs = OutputsAtHand(session)
        self._uncertainty: UncertaintyMap | None = None
        self._visited: list[Place] = []
        self._shown: tuple[ImageLayer, Place] | None = None
        self._unchecked = ""
        # quick work is done beside the job of the viewer, such as a training
        self._jobs = Jobs(self)
        self.next_button = button("Suggest next", NEXT_TIP, main=True)
        self.checked_button = button("Frame checked", CHECKED_TIP)
        self.uncertainty_button = button("Uncertainty", UNCERTAINTY_TIP)
        self.reason_label = text()
        row = QHBoxLayout()
        row.setSpacing(4)
        for each in (*more, self.uncertainty_button):
            row.addWidget(each)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(row)
        box.addWidget(self.reason_label)
        self.reason_label.setVisible(False)
        self.next_button.clicked.connect(self.go_on)
        self.checked_button.clicked.connect(self._check)
        self.uncertainty_button.clicked.connect(self.show_uncertainty)
        viewer.layers.events.removed.connect(self._cancel_without_image)
        self._at_work: tuple[ImageLayer, Jobs] | None = None

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._cancel_without_image)
        if self._at_work is not None:
            self._at_work[1].cancel()
        self._jobs.abandon()

    def show_key(self, key: str) -> None:
        """Show the key that does the same as *Suggest next*."""
        self.next_button.setText(with_key("Suggest next", key))

    def offer(self, *, image: bool, unchecked: str = "") -> None:
        """Enable what can be done now.

        Parameters
        ----------
        image
            Whether there is an image.
        unchecked
            Why nothing can be marked as checked; empty if it can.
        """
        none = "" if image else NO_IMAGE
        self._unchecked = unchecked
        offer(self.next_button, NEXT_TIP, none)
        offer(self.uncertainty_button, UNCERTAINTY_TIP, none)
        offer(self.checked_button, CHECKED_TIP, unchecked or ("" if self._shown else NO_FRAME))

    def go_on(self) -> None:
        """Go to the next suggested region."""

        def job(maps: Job[CachedOutputs], chosen: Chosen) -> Job[Suggestion]:
            return find_job(
                maps, self._uncertainty, annotated(self._viewer, *chosen), self._visited
            )

        self._begin("Looking for the next region", job, self._go_to)

    def show_uncertainty(self) -> None:
        """Show the uncertainty of the network as an image layer."""

        def job(maps: Job[CachedOutputs], _: Chosen) -> Job[tuple[CachedOutputs, NDArray[Any]]]:
            return uncertainty_job(maps)

        self._begin("Computing the uncertainty", job, self._add_layer)

    def _begin(
        self,
        title: str,
        make: Callable[[Job[CachedOutputs], Chosen], Job[Any]],
        then: Callable[[Chosen, Any], None],
    ) -> None:
        """Run a job on the outputs of the network; show its result unless the image was removed."""
        if self._at_work is not None:
            return
        try:
            chosen = self._chosen()
            model, kept = self._session.model, self._outputs.kept(chosen[1])
            if model is None:
                first = self._session.suggestions.first
                self._session.load(first, lambda: self._begin(title, make, then))
                return
            job = make(self._outputs.job(chosen[1], model), chosen)
            jobs = self._jobs_for(kept)

            def end(outcome: Outcome[Any]) -> None:
                self._at_work = None
                if outcome.error is not None and jobs is self._jobs:
                    self.failed.emit(outcome.error)
                if outcome.result is not None and chosen[0] in self._viewer.layers:
                    then(chosen, outcome.result)

            jobs.start(title, job, on_end=end)
            self._at_work = chosen[0], jobs
        except UserError as error:
            self.failed.emit(error)

    def _jobs_for(self, kept: CachedOutputs | None) -> Jobs:
        """Return the jobs of the viewer, with progress and Cancel, for work that may take long."""
        quick = (
            kept is not None and self._uncertainty is not None and self._uncertainty.outputs is kept
        )
        busy = kept is not None and self._session.jobs.running
        return self._jobs if quick or busy else self._session.jobs

    def _go_to(self, chosen: Chosen, suggestion: Suggestion) -> None:
        if suggestion.uncertainty is not self._uncertainty:
            self._visited = []
        self._uncertainty = suggestion.uncertainty
        self._outputs.keep(chosen[1], suggestion.uncertainty.outputs)
        if suggestion.place is None:
            self.say("Nothing is left to suggest: all is annotated, or has been shown.")
            self._visited = []
            return
        self._visited.append(suggestion.place)
        self._shown = chosen[0], suggestion.place
        place = suggestion.place
        rows, columns = place.window.rows, place.window.columns
        shown = show_place(self._viewer, *chosen[:2], rows, columns, place.index)
        in_slices(self, shown)
        position = "".join(f", {axis}={i}" for axis, i in suggestion.place.index.items())
        self.say(f"Suggestion {len(self._visited)}{position}: {suggestion.place.why}.")
        self.offer(image=True, unchecked=self._unchecked)

    def _add_layer(self, chosen: Chosen, made: tuple[CachedOutputs, NDArray[Any]]) -> None:
        source, image, _ = chosen
        outputs, values = made
        self._outputs.keep(image, outputs)
        placed = place(source, image.axes)
        purpose = {"title": "uncertainty"}
        with selection_kept(self._viewer):
            layer = map_layer(
                self._viewer, source, placed, values, "uncertainty", purpose, visible=True
            )
        layer.visible = True

    def _check(self) -> None:
        try:
            source, image, _ = self._chosen()
            if self._shown is None or self._shown[0] != source:
                raise UserError(
                    f"There is no yellow frame on {source.name!r}",
                    rule="What is inside the yellow frame is marked as checked.",
                    remedy="Press “Suggest next” first.",
                )
            check_window(self._viewer, source, image, self._shown[1])
        except UserError as error:
            self.failed.emit(error)
        else:
            self.say("The frame is marked as checked. Press “Suggest next” to go on.")

    def say(self, message: str) -> None:
        """Show a line below the buttons; an empty one hides it."""
        self.reason_label.setText(message)
        self.reason_label.setVisible(bool(message))

    def _cancel_without_image(self, event: Any) -> None:
        if self._at_work is not None and event.value == self._at_work[0]:
            self._at_work[1].cancel()
