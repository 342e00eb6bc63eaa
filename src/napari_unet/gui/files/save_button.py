"""*Save labels…*: the button and its dialog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    from napari_unet.gui.widgets.panel import Panel

TIP = "Save the result as TIFF with axes, pixel size and what made it; Fiji and QuPath open it."


class SaveLabelsButton(QPushButton):
    """Asks for a file and saves a labels layer.

    Parameters
    ----------
    panel
        The panel; what happened is shown in it.
    layer
        Returns the layer to save; None if there is none yet.
    """

    def __init__(self, panel: Panel, layer: Callable[[], Labels | None]) -> None:
        super().__init__("Save labels…")
        self.setToolTip(TIP)
        self._panel = panel
        self._layer = layer
        self.clicked.connect(self._ask)

    def _ask(self) -> None:
        with self._panel.reporting():
            layer = self._layer()
            if layer is None:
                raise UserError(
                    "There is no result yet",
                    rule="The labels of the last run are saved.",
                    remedy="Press Segment first.",
                )
            name, _ = QFileDialog.getSaveFileName(
                self, "Save labels", f"{layer.name}.tif", "TIFF (*.tif *.tiff)"
            )
            if name:
                self.save(layer, Path(name))

    def save(self, layer: Labels, path: Path) -> None:
        """Save a layer and say so."""
        from napari_unet.gui.files.writer import save_labels_layer

        if path.suffix.lower() not in (".tif", ".tiff"):
            path = path.with_name(f"{path.name}.tif")
        save_labels_layer(layer, path)
        self._panel.foot.message.show_text("done", f"Saved: {path}")
