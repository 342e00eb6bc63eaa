"""A list in which any number of an image's channels is ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

TIP = (
    "Which channels of the image the U-Net looks at. With more or fewer than it has seen so far, its "
    "first layer is fitted to them."
)
ROWS = 5
"""Most channels that are seen without scrolling."""


class ChannelList(QListWidget):
    """Names of channels, each with a box to tick.

    Parameters
    ----------
    names
        Of the channels.
    ticked
        Those ticked at first.
    """

    changed = Signal()
    """Others are ticked."""

    def __init__(self, names: Sequence[str], ticked: Collection[int]) -> None:
        super().__init__()
        self.setToolTip(TIP)
        for i, name in enumerate(names):
            item = QListWidgetItem(name, self)
            item.setCheckState(Qt.CheckState.Checked if i in ticked else Qt.CheckState.Unchecked)
        height = self.sizeHintForRow(0) * min(len(names), ROWS) + 2 * self.frameWidth()
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.itemChanged.connect(lambda _: self.changed.emit())

    def chosen(self) -> tuple[int, ...]:
        """Return the index of each channel that is ticked.

        Raises
        ------
        UserError
            When there is none.
        """
        rows = range(self.count())
        found = tuple(i for i in rows if self.item(i).checkState() == Qt.CheckState.Checked)
        if not found:
            raise UserError(
                "No channel is chosen",
                value=f"{self.count()} are there",
                rule="A U-Net looks at one channel of the image or more.",
                remedy="Tick the channels that show what you look for.",
            )
        return found
