"""The line that offers an annotation from before a crash, or of a layer that was removed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout
from superqt import QElidingLabel

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image as ImageLayer

    from napari_unet.gui.journal.restoring import Restoring
    from napari_unet.services.storage.journal_files import RestorableAnnotation

RESTORE_TIP = "Add this annotation again as a layer over its image."
DISCARD_TIP = "Delete this annotation for good."


class RestoreOffer(QFrame):
    """Says which annotation can be restored, the newest first, with *Restore* and *Discard*.

    Parameters
    ----------
    restoring
        Has the annotations.
    image
        Returns the image at hand; those of other images are offered with them.
    """

    refused = Signal(object)
    """It could not be restored; the exception."""

    def __init__(self, restoring: Restoring, image: Callable[[], ImageLayer | None]) -> None:
        super().__init__()
        self._restoring, self._image = restoring, image
        self._offered: RestorableAnnotation | None = None
        self.message_label = QElidingLabel()
        self.restore_button = button("Restore", RESTORE_TIP)
        self.discard_button = button("Discard", DISCARD_TIP)
        self.restore_button.clicked.connect(self._restore)
        self.discard_button.clicked.connect(self._discard)
        box = QHBoxLayout(self)
        box.setContentsMargins(8, 2, 4, 2)
        box.setSpacing(4)
        box.addWidget(self.message_label, stretch=1)
        box.addWidget(self.restore_button)
        box.addWidget(self.discard_button)
        self.setStyleSheet("RestoreOffer { border-left: 3px solid #f59e0b; }")
        restoring.changed.connect(self.look)
        restoring.refused.connect(self.refused)
        self.look()

    def look(self) -> None:
        """Show the newest annotation of the image that can be restored, if there is any."""
        available = self._restoring.available(self._image())
        self._offered = newest = available[0] if available else None
        self.setVisible(newest is not None)
        if newest is not None:
            more = f" {len(available) - 1} more after this." if len(available) > 1 else ""
            self.message_label.setText(f"“{newest.note.name}”, painted {_when(newest.when)}")
            self.message_label.setToolTip(
                f"“{newest.note.name}” on “{newest.note.image.name}” can be restored.{more}"
            )

    def _restore(self) -> None:
        if self._offered is not None:
            try:
                self._restoring.restore(self._offered)
            except UserError as error:
                self.refused.emit(error)

    def _discard(self) -> None:
        if self._offered is not None:
            self._restoring.discard(self._offered)


def _when(seconds: float) -> str:
    """Say when something was, such as ``at 14:32`` today or ``on 3 May at 14:32``."""
    then = time.localtime(seconds)
    clock = time.strftime("%H:%M", then)
    if then[:3] == time.localtime()[:3]:
        return f"at {clock}"
    return f"on {then.tm_mday} {time.strftime('%B', then)} at {clock}"
