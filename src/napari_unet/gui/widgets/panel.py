"""Base of the panels: they scroll, belong to a session, and show their errors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.session.responsiveness import warm_up
from napari_unet.gui.widgets.foot import Foot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from qtpy.QtGui import QShowEvent

    from napari_unet.gui.session.session import Session

WARM_UP_MS = 400
"""Time between the opening of a panel and the import of torch."""

WIDTH = 330
MIN_HEIGHT = 280
"""Least height of a panel, with its foot: the form scrolls, and must fit on small screens."""


class Panel(QWidget):
    """A docked form that scrolls, above a foot that does not: messages, progress, the main buttons.

    Parameters
    ----------
    viewer
        The viewer.
    session
        What the panels of that viewer share.

    Attributes
    ----------
    foot
        Stays in its place at the bottom.
    inside, body
        The form, and its layout.
    scroll
        What scrolls the form.
    """

    HEIGHT = 400

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self.viewer = viewer
        self.session = session
        self.foot = Foot(self.session.jobs)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # one that came and went with a text would move what is beside it
        self.scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMinimumSize(WIDTH, MIN_HEIGHT)
        self.inside = QWidget()
        self.body = QVBoxLayout(self.inside)
        self.body.setContentsMargins(8, 8, 8, 8)
        self.body.setSpacing(8)
        self.scroll.setWidget(self.inside)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.scroll, stretch=1)
        box.addWidget(self.foot)
        # later, as the import would delay the opening of the panel
        QTimer.singleShot(WARM_UP_MS, warm_up)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size to dock at; docked panels share the height by it."""
        return QSize(WIDTH, self.HEIGHT)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Tell the session the window."""
        super().showEvent(event)
        self.session.live_in(self)

    def event(self, event: QEvent) -> bool:
        """Delete the panel when its dock is closed: napari makes a new one when asked again.

        The garbage collector might delete it in a job's thread.
        """
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
            self.deleteLater()
        return bool(super().event(event))

    def let_go(self) -> None:
        """Stop listening to the viewer."""

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Show a `UserError` at the foot of the panel instead of raising it."""
        try:
            yield
        except UserError as error:
            self.foot.message.show_error(error)
