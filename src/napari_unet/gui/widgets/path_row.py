"""The row of a form that takes a folder."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from napari_unet.gui.widgets.fields import button


class PathRow(QWidget):
    """A folder, typed or browsed for.

    Parameters
    ----------
    tip
        What it is for.
    """

    changed = Signal()

    def __init__(self, tip: str) -> None:
        super().__init__()
        self._tip = tip
        self.edit = QLineEdit()
        self.edit.setToolTip(tip)
        self.browse = button("Browse…", tip)
        self.edit.textChanged.connect(self.changed)
        self.browse.clicked.connect(self._browse)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.edit, stretch=1)
        box.addWidget(self.browse)

    @property
    def path(self) -> Path | None:
        """The folder; None while the row is empty."""
        text = self.edit.text().strip()
        return Path(text).expanduser() if text else None

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, self._tip, self.edit.text())
        if found:
            self.edit.setText(found)
