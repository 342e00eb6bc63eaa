"""The part of *Annotate* that measures objects, for example after they were corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.objects.measuring import TOO_LARGE, Measuring
from napari_unet.gui.widgets.fields import button, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_unet.gui.objects.measuring import Numbered

MEASURE_TIP = (
    "Put size, position and brightness of each object into the features table of the layer. Press it "
    "again after you have painted."
)
CENTRES_TIP = "Add a point at the centre of each object that was measured."
NO_MEASURES = "Press “Measure” first."
TOO_MANY = "too many for the table; “Centres as points” has them, as has “napari-unet measure”"
TABLE = "Layers ▸ Metadata ▸ Features table widget"


class MeasureRow(QWidget):
    """*Measure* and *Centres as points*.

    Parameters
    ----------
    viewer
        The viewer.
    chosen
        Returns the layer to measure; raises a `UserError` if there is none, or if it covers no image.
    """

    reported = Signal(str)
    """What has been measured, as a message."""
    failed = Signal(object)
    """Nothing could be measured; the exception."""

    def __init__(self, viewer: napari.Viewer, chosen: Callable[[], Numbered]) -> None:
        super().__init__()
        self._chosen = chosen
        self.measuring = Measuring(self, viewer)
        self.measure_button = button("Measure", MEASURE_TIP)
        self.centres_button = button("Centres as points", CENTRES_TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.measure_button)
        row.addWidget(self.centres_button)
        self.measure_button.clicked.connect(self._start)
        self.centres_button.clicked.connect(self.measuring.show_points)
        self.measuring.failed.connect(self.failed)
        self.measuring.changed.connect(self._take)
        self._take()

    def let_go(self) -> None:
        """Stop, and leave the viewer alone."""
        self.measuring.let_go()

    def _start(self) -> None:
        try:
            numbered = self._chosen()
        except UserError as error:
            self.failed.emit(error)
            return
        if numbered.too_large:
            self.reported.emit(TOO_LARGE)
        else:
            self.measuring.start(numbered)

    def _take(self) -> None:
        n = self.measuring.count
        offer(self.centres_button, CENTRES_TIP, "" if n else NO_MEASURES)
        if n:
            result = TABLE if self.measuring.tabled else TOO_MANY
            self.reported.emit(f"{n:,} object{'s' * (n != 1)} measured: {result}.")
