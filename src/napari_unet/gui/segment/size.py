"""The diameter in *Segment*: a number or a disc on the image; it is kept with the image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.diameter import (
    KeptDiameter,
    keep_diameter,
    kept_diameter,
    note_estimate,
)
from napari_unet.gui.segment.disc import SizeDisc
from napari_unet.gui.widgets.fields import button
from napari_unet.services.segmentation.prepare import prepare

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer
    from qtpy.QtWidgets import QFormLayout

    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.image_form import ImageForm
    from napari_unet.gui.widgets.segment_form import SegmentForm
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.prepare import PreparedRun

SHOW_TIP = (
    "Show the size of the objects as a disc on the image, estimated if none is set. Drag its handles to "
    "change the diameter; delete its layer when you are done."
)


class SizeRow(QObject):
    """The row *Diameter* of *Segment*.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Its viewer.
    settings, image
        Its forms: the diameter in the one belongs to the image that is chosen in the other.
    """

    failed = Signal(object)
    """The size could not be shown; the exception."""

    def __init__(
        self, parent: QObject, viewer: napari.Viewer, settings: SegmentForm, image: ImageForm
    ) -> None:
        super().__init__(parent)
        self.disc = SizeDisc(self, viewer)
        self.show_button = button("Show", SHOW_TIP)
        self._settings, self._image = settings, image
        self._layer: ImageLayer | None = None
        settings.diameter.changed.connect(self._keep)
        image.changed.connect(self._follow_layer)
        self.disc.resized.connect(self._set)
        self._follow_layer()

    def add_row(self, rows: QFormLayout) -> None:
        """Add the row to a form."""
        line = QHBoxLayout()
        line.addWidget(self._settings.diameter.native, stretch=1)
        line.addWidget(self.show_button)
        rows.addRow("Diameter", line)

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.disc.let_go()

    def show(self, model: Model, options: SegmentOptions, jobs: Jobs) -> None:
        """Show the disc, once the diameter is estimated if none is set.

        Raises
        ------
        UserError
            When there is no image, another job is running, or image and model don't go together.
        """
        if options.diameter is not None:
            self._show(options.diameter)
            return
        image, layer = self._image.image(), self._image.layer
        assert layer is not None
        run = prepare(image, model, options.model_copy(update={"rescale": True}))
        if not run.size.pending:
            raise UserError(
                "The diameter can't be estimated",
                value=f"{model.spec.name!r} states none",
                rule="The U-Net must state the diameter of the objects that it learnt.",
                remedy="State it in Load U-Net, or choose another U-Net.",
            )

        def end(outcome: Outcome[PreparedRun]) -> None:
            if outcome.result is not None:
                self.take(layer, outcome.result.size.diameter)
                jobs.reported.emit(in_window(" ".join(outcome.result.size.notes)))
                if outcome.result.size.diameter is not None and layer is self._image.layer:
                    self._show(outcome.result.size.diameter)

        jobs.start("Estimating the diameter", _sized(run), on_end=end)

    def take(self, layer: ImageLayer, diameter: float | None) -> None:
        """Keep an estimate with an image layer, unless the user has set a diameter."""
        note_estimate(layer, diameter)
        self.show_estimate()

    def show_estimate(self) -> None:
        """Say in the box what is estimated of the image, where no diameter is set."""
        kept = kept_diameter(self._image.layer)
        estimate = f": {kept.pixels:.3g} px" if kept is not None and not kept.chosen else ""
        self._settings.diameter.native.setSpecialValueText(f"estimated{estimate}")
        if kept is not None:
            self.disc.set(kept.pixels)

    def _show(self, diameter: float) -> None:
        layer = self._image.layer
        if layer is None:
            return
        try:
            self.disc.show(layer, self._image.letters, diameter)
        except UserError as error:
            self.failed.emit(error)

    def _set(self, diameter: float) -> None:
        self._settings.diameter.value = max(round(diameter, 1), 2.0)

    def _keep(self, diameter: float | None) -> None:
        """Keep what the user has set with the image."""
        layer, kept = self._image.layer, kept_diameter(self._image.layer)
        if layer is None:
            return
        if diameter is not None:
            keep_diameter(layer, KeptDiameter(diameter, chosen=True))
        elif kept is not None and kept.chosen:
            keep_diameter(layer, None)
        self.show_estimate()

    def _follow_layer(self) -> None:
        """Set the diameter that is kept with the image that is chosen now."""
        layer = self._image.layer
        if layer is self._layer:
            return
        before, self._layer = self._layer, layer
        kept = kept_diameter(layer)
        # what was set before there was an image is meant for the first one
        if layer is not None and (before is not None or kept is not None):
            self._settings.diameter.value = kept.pixels if kept and kept.chosen else None
        self.show_estimate()


def in_window(text: str) -> str:
    """Return a text in which settings are named as in the window."""
    named = re.sub(r"`diameter(?:=([\d.]+))?`", lambda m: f"Diameter {m[1] or ''}".strip(), text)
    return named.replace("`rescale=False`", "Rescale turned off")


def _sized(run: PreparedRun) -> Job[PreparedRun]:
    return (yield from run.sized())
