"""What the panels have in common: they scroll, belong to a session, and show errors in themselves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.session.responsiveness import warm_up
from napari_unet.gui.widgets.job_bar import JobBar

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from qtpy.QtGui import QShowEvent

    from napari_unet.gui.session.session import Session

WARM_UP_MS = 400
"""Time between the opening of a panel and the import of torch."""

REVEAL_MS = 50
"""Time until what is said has its place in the panel."""

WIDTH = 330
LEAST = 200
"""Height that is seen of a panel at least: it scrolls, and windows on small screens must hold it."""


class Panel(QScrollArea):
    """A docked form with the job's progress at its foot.

    Parameters
    ----------
    viewer
        The viewer it works on.
    session
        What it shares with the other panels of that viewer.
    """

    HEIGHT = 400

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self.viewer = viewer
        self.session = session
        self.foot = JobBar(self.session.jobs)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumSize(WIDTH, LEAST)
        inside = QWidget()
        self.body = QVBoxLayout(inside)
        self.body.setContentsMargins(8, 8, 8, 8)
        self.body.setSpacing(8)
        self.setWidget(inside)
        self._reveal_later = QTimer(self)
        self._reveal_later.setSingleShot(True)
        self._reveal_later.setInterval(REVEAL_MS)
        self._reveal_later.timeout.connect(self._reveal)
        self.foot.message.shown.connect(self._reveal_later.start)
        # not at once: the import would make the opening itself late
        QTimer.singleShot(WARM_UP_MS, warm_up)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size to dock at, by which panels above each other share the height."""
        return QSize(WIDTH, self.HEIGHT)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Learn which window it is in."""
        super().showEvent(event)
        self.session.live_in(self)

    def event(self, event: QEvent) -> bool:
        """Go for good when the dock around it is closed: napari makes a new one when asked again.

        Left to the garbage collector, it might be taken down in a job's thread.
        """
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
            self.deleteLater()
        return bool(super().event(event))

    def _reveal(self) -> None:
        """Bring what is said into sight: in a small window, it would be below the edge."""
        if self.foot.message.isVisible():
            self.ensureWidgetVisible(self.foot.message, 0, 8)

    def let_go(self) -> None:
        """Listen to the viewer no more."""

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Show an error of the user at the foot instead of raising it."""
        try:
            yield
        except UserError as error:
            self.foot.message.show_error(error)
