"""What a training starts from: the current U-Net, or a new network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QSignalBlocker, Signal

from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.widgets.fields import choice

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QFormLayout

TIP = (
    "What to start from. The U-Net that is loaded needs little paint. A new network knows nothing yet: "
    "it wants more paint and more time, and suits images unlike any that the U-Nets at hand have seen."
)


class StartRow(QObject):
    """A row of a form with the U-Net to tune, or a new one for planes or volumes.

    Parameters
    ----------
    viewer
        *Load U-Net* is opened in its window.
    form
        The row is added to it.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, form: QFormLayout) -> None:
        super().__init__()
        self.box = choice(TIP)
        self.box.addItem("", None)
        self.box.addItem("New network, 2-D", 2)
        self.row = ModelRow(viewer, self.box)
        form.addRow("U-Net", self.row)
        self.box.currentIndexChanged.connect(self.changed)

    @property
    def ndim(self) -> int | None:
        """Dimensions of the new network that is wanted; None: the current U-Net is."""
        found: int | None = self.box.currentData()
        return found

    def show_model(self, name: str) -> None:
        """Name the current U-Net."""
        self.box.setItemText(0, name)

    def fit_axes(self, axes: str) -> None:
        """Offer new networks for volumes only where the image has depth."""
        has, wanted = self.box.count() > 2, "Z" in axes
        if wanted and not has:
            self.box.addItem("New network, 3-D", 3)
        elif has and not wanted:
            chosen = self.box.currentIndex()
            with QSignalBlocker(self.box):
                self.box.removeItem(2)
            if chosen == 2:
                self.box.setCurrentIndex(1)
