"""Choice of what a training starts from: the current U-Net, or a new network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.widgets.choice import Choice

if TYPE_CHECKING:
    from qtpy.QtWidgets import QFormLayout

    from napari_unet.gui.session.session import Session

TIP = (
    "What to start from. The loaded U-Net needs little annotation. A new network needs more annotation "
    "and more time; use one for images unlike any that the available U-Nets have seen."
)


NEW = (("New network, 2-D", 2), ("New network, 3-D", 3))


class StartRow(QObject):
    """A row of a form with the U-Net to tune, or a new one for planes or volumes.

    Parameters
    ----------
    session
        Opens *Load U-Net*.
    form
        The row is added to it.
    """

    changed = Signal()

    def __init__(self, session: Session, form: QFormLayout) -> None:
        super().__init__()
        self.network = Choice([("", None), *NEW[:1]], tooltip=TIP)
        form.addRow("U-Net", ModelRow(session, self.network.native, "Fine-tune"))
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
