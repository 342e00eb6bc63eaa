"""The line that offers to resume an interrupted training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from napari_unet.core.training.state import read_status
from napari_unet.gui.widgets.fields import button, text

if TYPE_CHECKING:
    from pathlib import Path


RESUME_TIP = "Go on from there with the same settings. What you have painted since is learnt too."

FORGET_TIP = "Delete the saved state of this training."


class ResumeOffer(QFrame):
    """Says how far an interrupted training got, with *Resume* and *Forget*."""

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self.message_label = text()
        self.resume_button = button("Resume", RESUME_TIP)
        self.forget_button = button("Forget", FORGET_TIP)
        self.forget_button.clicked.connect(self._forget)
        buttons = QHBoxLayout()
        buttons.addWidget(self.resume_button)
        buttons.addWidget(self.forget_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 4, 4)
        box.addWidget(self.message_label)
        box.addLayout(buttons)
        self.setStyleSheet("ResumeOffer { border-left: 3px solid #f59e0b; }")
        self.hide()

    def look(self, path: Path | None) -> None:
        """Offer the training whose state is in a file, if there is such a file."""
        self._path = path
        status = read_status(path) if path is not None and path.is_file() else None
        self.setVisible(status is not None)
        if status is not None:
            self.message_label.setText(
                f"Training was interrupted at step {status.step} of {status.total}."
            )

    def _forget(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self.hide()
