"""A list in which any number of an image's channels is ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

TIP = (
    "The channels of the image that the U-Net sees. With more or fewer than it was trained on, its "
    "first layer is adapted to them."
)
MAX_ROWS = 5
"""Number of channels that are visible without scrolling."""


class ChannelList(QListWidget):
    """The names of an image's channels, each with a box to tick.

    Parameters
    ----------
    names
        The channels.
    ticked
        Indices of those that are ticked at first.
    """

    changed = Signal()
    """A channel was ticked or unticked."""

    def __init__(self, names: Sequence[str], ticked: Collection[int]) -> None:
        super().__init__()
        self.setToolTip(TIP)
        for i, name in enumerate(names):
            item = QListWidgetItem(name, self)
            item.setCheckState(Qt.CheckState.Checked if i in ticked else Qt.CheckState.Unchecked)
        height = self.sizeHintForRow(0) * min(len(names), MAX_ROWS) + 2 * self.frameWidth()
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.itemChanged.connect(lambda _: self.changed.emit())

    def chosen(self) -> tuple[int, ...]:
        """Return the indices of the ticked channels.

        Raises
        ------
        UserError
            When none is ticked.
        """
        rows = range(self.count())
        ticked = tuple(i for i in rows if self.item(i).checkState() == Qt.CheckState.Checked)
        if not ticked:
            raise UserError(
                "No channel is chosen",
                value=f"none of {self.count()}",
                rule="A U-Net needs at least one channel of the image.",
                remedy="Tick the channels that show what you want to segment.",
            )
        return ticked
