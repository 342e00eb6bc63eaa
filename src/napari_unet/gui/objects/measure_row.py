"""The part of *Annotate* that measures objects, for example once they have been corrected."""

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
    "Size, place and brightness of each object as it is now, into the layer's features table. Press it "
    "again when you have gone on painting."
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
        Returns the layer to measure; raises a `UserError` if there is none, or it lies on no
        image.
    """

    reported = Signal(str)
    """What has been measured, for the user."""
    failed = Signal(object)
    """It could not be; the exception."""

    def __init__(self, viewer: napari.Viewer, chosen: Callable[[], Numbered]) -> None:
        super().__init__()
        self._chosen = chosen
        self.measuring = Measuring(self, viewer)
        self.measure = button("Measure", MEASURE_TIP)
        self.centres = button("Centres as points", CENTRES_TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.measure)
        row.addWidget(self.centres)
        self.measure.clicked.connect(self._start)
        self.centres.clicked.connect(self.measuring.show_points)
        self.measuring.failed.connect(self.failed)
        self.measuring.changed.connect(self._take)
        self._take()

    def let_go(self) -> None:
        """Stop, and touch the viewer no more."""
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
        offer(self.centres, CENTRES_TIP, "" if n else NO_MEASURES)
        if n:
            where = TABLE if self.measuring.tabled else TOO_MANY
            self.reported.emit(f"{n:,} object{'s' * (n != 1)} measured: {where}.")
