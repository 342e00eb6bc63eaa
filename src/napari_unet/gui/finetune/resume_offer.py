"""The line that offers to resume an interrupted training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from napari_unet.core.training.state import read_status
from napari_unet.gui.widgets.fields import button, text

if TYPE_CHECKING:
    from pathlib import Path


RESUME_TIP = (
    "Go on where it was interrupted, with the same settings. Paint added since is learnt too."
)

FORGET_TIP = "Delete what was saved of it."


class ResumeOffer(QFrame):
    """Says how far an interrupted training had come, with *Resume* and *Forget*."""

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self.said = text()
        self.resume = button("Resume", RESUME_TIP)
        self.forget = button("Forget", FORGET_TIP)
        self.forget.clicked.connect(self._forget)
        buttons = QHBoxLayout()
        buttons.addWidget(self.resume)
        buttons.addWidget(self.forget)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 4, 4)
        box.addWidget(self.said)
        box.addLayout(buttons)
        self.setStyleSheet("ResumeOffer { border-left: 3px solid #f59e0b; }")
        self.hide()

    def look(self, path: Path | None) -> None:
        """Show the training whose state is in a file, if there is one."""
        self._path = path
        status = read_status(path) if path is not None and path.is_file() else None
        self.setVisible(status is not None)
        if status is not None:
            self.said.setText(
                f"An interrupted training is there (step {status.step} of {status.total})."
            )

    def _forget(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self.hide()
