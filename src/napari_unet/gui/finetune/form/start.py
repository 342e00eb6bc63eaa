"""Choice of what a training starts from: the current U-Net, or a new network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.widgets.choice import Choice

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QFormLayout

TIP = (
    "What to start from. The loaded U-Net needs little annotation. A new network needs more annotation "
    "and more time; use one for images unlike any that the available U-Nets have seen."
)


NEW = (("New network, 2-D", 2), ("New network, 3-D", 3))


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
        self.network = Choice([("", None), *NEW[:1]], tooltip=TIP)
        form.addRow("U-Net", ModelRow(viewer, self.network.native))
        self.network.changed.connect(lambda: self.changed.emit())

    @property
    def ndim(self) -> int | None:
        """Dimensions of the new network; None for the current U-Net."""
        ndim: int | None = self.network.value
        return ndim

    def show_model(self, name: str) -> None:
        """Show the name of the current U-Net."""
        self.network.name_choice(None, name)

    def fit_axes(self, axes: str) -> None:
        """Offer new networks for volumes only where the image has depth."""
        if "Z" not in axes and self.ndim == 3:
            self.network.value = 2
        offered = NEW if "Z" in axes else NEW[:1]
        self.network.choices = [self.network.entries[0], *offered]
