"""Choice of what the dimensions of a layer are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox

from napari_unet.gui.widgets.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

AXES_TIP = (
    "The image's dimensions: T time, Z depth, C channel, Y and X the plane, S colours. Choose or type "
    "another order if this one is wrong."
)


class AxesChoice(Choice):
    """A letter for each dimension of a layer: one of the likely orders, or one that is typed."""

    def __init__(self) -> None:
        super().__init__([], tooltip=AXES_TIP)

    def get_value(self) -> str:
        """Return the letters."""
        return "".join(self.native.currentText().upper().split())

    def set_value(self, value: str) -> None:
        """Set the letters."""
        self.native.setEditText(" ".join(value))

    def offer(self, orders: Sequence[str]) -> None:
        """Offer some orders, and choose the first."""
        with QSignalBlocker(self.native):
            self.native.clear()
            for order in orders:
                self.native.addItem(" ".join(order), order)
        self._on_value_change()

    def reset_choices(self, *_: object) -> None:
        """Keep what was typed; `offer` changes the orders."""

    def _set_up(self) -> None:
        super()._set_up()
        self.native.setEditable(True)
        self.native.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.native.currentTextChanged.connect(self._on_value_change)
