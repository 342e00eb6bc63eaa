"""Work of the main thread in pieces, so that the window answers in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE_MS = 20
"""Time between two pieces, in which the window can be drawn."""


def in_turns(owner: QObject, pieces: Iterator[None]) -> None:
    """Do the first piece now, and the others one after another with a pause between them.

    Parameters
    ----------
    owner
        When it goes, what is left is not done.
    pieces
        A generator that yields after each piece.
    """
    timer = QTimer(owner)
    timer.setSingleShot(True)

    def go_on() -> None:
        try:
            next(pieces)
        except StopIteration:
            timer.deleteLater()
        else:
            timer.start(PAUSE_MS)

    timer.timeout.connect(go_on)
    go_on()
