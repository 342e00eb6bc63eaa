"""The row of a form that shows the current U-Net, and opens the choice of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from napari_unet.gui.session.session import Session


class ModelRow(QWidget):
    """The name of the current U-Net, and *Change…*.

    Parameters
    ----------
    session
        Opens *Load U-Net*.
    shown
        The widget with the name.
    """

    def __init__(self, session: Session, shown: QWidget) -> None:
        super().__init__()
        self._session = session
        self.change_button = button("Change…", "Choose another U-Net.")
        self.change_button.clicked.connect(self._open_models)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(shown, stretch=1)
        box.addWidget(self.change_button)

    def _open_models(self) -> None:
        self._session.open_panel("Load U-Net")
