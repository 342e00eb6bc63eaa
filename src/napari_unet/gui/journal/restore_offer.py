"""The line that offers paint which was painted before a crash, or whose layer was removed."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button, text

if TYPE_CHECKING:
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.services.storage.journal_files import LeftPaint

RESTORE_TIP = "Add this paint again as a layer over its image."
DISCARD_TIP = "Delete this paint for good."


class RestoreOffer(QFrame):
    """Says which paint can be restored, the newest first, with *Restore* and *Discard*.

    Parameters
    ----------
    keeper
        Has the paint.
    """

    refused = Signal(object)
    """It could not be restored; why."""

    def __init__(self, keeper: PaintKeeper) -> None:
        super().__init__()
        self._keeper = keeper
        self._offered: LeftPaint | None = None
        self.said = text()
        self.restore = button("Restore", RESTORE_TIP)
        self.discard = button("Discard", DISCARD_TIP)
        self.restore.clicked.connect(self._restore)
        self.discard.clicked.connect(self._discard)
        buttons = QHBoxLayout()
        buttons.addWidget(self.restore)
        buttons.addWidget(self.discard)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 4, 4)
        box.addWidget(self.said)
        box.addLayout(buttons)
        self.setStyleSheet("RestoreOffer { border-left: 3px solid #f59e0b; }")
        keeper.changed.connect(self.look)
        keeper.refused.connect(self.refused)
        self.look()

    def look(self) -> None:
        """Show what there is to be restored, if there is something."""
        found = self._keeper.restorable()
        self._offered = found[0] if found else None
        self.setVisible(bool(found))
        if found:
            name, image = (html.escape(x) for x in (found[0].note.name, found[0].note.image.name))
            more = f" {len(found) - 1} more after this." if len(found) > 1 else ""
            words = f"“{name}” on “{image}”, painted {_when(found[0].when)}, can be restored."
            self.said.setText(words + more)

    def _restore(self) -> None:
        if self._offered is not None:
            try:
                self._keeper.restore(self._offered)
            except UserError as error:
                self.refused.emit(error)

    def _discard(self) -> None:
        if self._offered is not None:
            self._keeper.discard(self._offered)


def _when(seconds: float) -> str:
    """Say when something was, such as ``at 14:32`` today or ``on 3 May at 14:32``."""
    then = time.localtime(seconds)
    clock = time.strftime("%H:%M", then)
    if then[:3] == time.localtime()[:3]:
        return f"at {clock}"
    return f"on {then.tm_mday} {time.strftime('%B', then)} at {clock}"
