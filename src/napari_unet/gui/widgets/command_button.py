"""*Copy as command*: the last run as a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QApplication, QPushButton

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.widgets.panel import Panel

COMMAND_TIP = (
    "Copy a command line that repeats this result, on this or another computer. Paste it into a "
    "terminal or a lab notebook."
)


class CommandButton(QPushButton):
    """Copies the command line that repeats a panel's last run, and shows it in the panel.

    Parameters
    ----------
    panel
        The panel; errors are shown in it.
    line
        Returns the command line; empty if `put` will be called with it later, None if there was no run.
    first
        What the user has to do first, if there was no run.
    """

    def __init__(self, panel: Panel, line: Callable[[], str | None], first: str) -> None:
        super().__init__("Copy as command")
        self.setToolTip(COMMAND_TIP)
        self._panel = panel
        self._ask = line
        self._first = first
        self.clicked.connect(self._copy)

    def put(self, line: str) -> None:
        """Copy a command line and report it."""
        QApplication.clipboard().setText(line)
        self._panel.foot.message.show_text("done", f"Copied: {line}")

    def _copy(self) -> None:
        with self._panel.reporting():
            line = self._ask()
            if line is None:
                raise UserError(
                    "There is no result yet",
                    rule="The command repeats the last run.",
                    remedy=self._first,
                )
            if line:
                self.put(line)
