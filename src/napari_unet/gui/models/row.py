"""The row of a form that shows the current U-Net, and opens the choice of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    page
        Title of the panel that it is in, which comes to the front again once another is loaded.
    """

    def __init__(self, session: Session, shown: QWidget, page: str) -> None:
        super().__init__()
        self._session, self._page = session, page
        self.change_button = button("Change…", "Choose another U-Net.")
        self.change_button.clicked.connect(self._open_models)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(shown, stretch=1)
        box.addWidget(self.change_button)

    def _open_models(self) -> None:
        panel: Any = self._session.open_panel("Load U-Net")
        panel.return_to(self._page)
