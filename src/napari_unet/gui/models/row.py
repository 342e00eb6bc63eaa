"""The row of a form that says which U-Net is used, with the way to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unet.gui.session.session import session_of
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-unet-studio"


class ModelRow(QWidget):
    """What shows the current U-Net, and *Change…*.

    Parameters
    ----------
    viewer
        *Load U-Net* is opened in its window.
    shown
        The widget that shows which U-Net it is.
    """

    def __init__(self, viewer: napari.Viewer, shown: QWidget) -> None:
        super().__init__()
        self._viewer = viewer
        self.change = button("Change…", "Choose another U-Net.")
        self.change.clicked.connect(self._open_models)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(shown, stretch=1)
        box.addWidget(self.change)

    def _open_models(self) -> None:
        open_panel(self._viewer, "Load U-Net")


def open_panel(viewer: napari.Viewer, name: str) -> QWidget:
    """Open one of our panels beside the others, or bring it to the front."""
    studio = session_of(viewer).studio
    if studio is not None:
        return studio.show_page(name)
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
    dock.show()
    dock.raise_()
    return panel
