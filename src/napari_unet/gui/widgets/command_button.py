"""*Copy as command*: what was just done, as a line for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QApplication, QPushButton

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.widgets.panel import Panel

COMMAND_TIP = (
    "Copy the command that gives the same result again, on this or another computer, to paste it into a "
    "terminal or a lab book."
)


class CommandButton(QPushButton):
    """Copies the line that repeats what a panel has done, and shows it at the panel's foot.

    Parameters
    ----------
    panel
        Whose work is repeated; what goes wrong is shown there.
    line
        Returns the line; empty: it will be put when it is there. None: nothing has been done yet.
    first
        What to do first, where nothing has been done.
    """

    def __init__(self, panel: Panel, line: Callable[[], str | None], first: str) -> None:
        super().__init__("Copy as command")
        self.setToolTip(COMMAND_TIP)
        self._panel = panel
        self._ask = line
        self._first = first
        self.clicked.connect(self._copy)

    def put(self, line: str) -> None:
        """Copy a line, and say so."""
        QApplication.clipboard().setText(line)
        self._panel.foot.message.show_text("done", f"Copied: {line}")

    def _copy(self) -> None:
        with self._panel.reporting():
            line = self._ask()
            if line is None:
                raise UserError(
                    "There is no result yet",
                    rule="A command repeats what was done.",
                    remedy=self._first,
                )
            if line:
                self.put(line)
