"""A hand with a mouse: every press that reaches the window is counted, however it came about."""

from __future__ import annotations

import numpy as np
from gui_kit import SECONDS
from qtpy.QtCore import QEvent, QObject, QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_unet.gui.layers.editing import real

PRESSES = QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Hand(QObject):
    """Clicks widgets and the canvas.

    Parameters
    ----------
    qtbot
        Sends the events.
    viewer
        A viewer with a window.

    Attributes
    ----------
    clicks
        Presses on anything but the canvas.
    edits
        Presses on the canvas.
    """

    def __init__(self, qtbot, viewer):
        super().__init__()
        self.clicks = self.edits = 0
        self._qtbot, self._viewer = qtbot, viewer
        self._window = real(viewer).window._qt_window
        self._canvas = real(viewer).window._qt_viewer.canvas
        QApplication.instance().installEventFilter(self)

    def rest(self):
        """Take the hand off the mouse."""
        QApplication.instance().removeEventFilter(self)
        # what a test still holds must not keep the window alive
        self._viewer = self._window = self._canvas = None

    def eventFilter(self, watched, event):  # noqa: N802 - Qt's name
        """Count presses; what is handed on to a parent is one of them."""
        if event.type() in PRESSES and watched.isWidgetType():
            here = watched.mapTo(self._window, event.position().toPoint())
            if watched is self._window.childAt(here):
                canvas = self._canvas.native
                # what napari lays over it, such as a message, is a child of it
                on_canvas = watched is canvas or canvas.isAncestorOf(watched)
                self.edits, self.clicks = self.edits + on_canvas, self.clicks + (not on_canvas)
        return False

    def click(self, button):
        """Click a button where it is seen, as soon as it can be pressed."""
        self._qtbot.waitUntil(lambda: button.isEnabled() and self._sees(button), timeout=SECONDS)
        self._press(button, button.rect().center())

    def click_item(self, items, text):
        """Click the item of a list that begins with a text."""
        (item,) = items.findItems(text, Qt.MatchFlag.MatchStartsWith)
        items.scrollToItem(item)
        self._press(items.viewport(), items.visualItemRect(item).center())

    def click_image(self, layer, point, held=NONE):
        """Click a pixel of a layer, perhaps with a key held."""
        camera = getattr(self._viewer, "scene", self._viewer).camera
        size = self._canvas.native.size()
        world = np.asarray(layer.data_to_world(point))[-2:]
        y, x = (world - np.asarray(camera.center)[-2:]) * camera.zoom
        at = QPoint(round(size.width() / 2 + x), round(size.height() / 2 + y))
        self._qtbot.mouseMove(self._canvas.native, at)
        clicks, edits = self.clicks, self.edits
        self._press(self._canvas.native, at, held)
        # whatever widget of the canvas it met first
        self.clicks, self.edits = clicks, edits + 1

    def _press(self, widget, at, held=NONE):
        before = self.clicks + self.edits
        self._qtbot.mouseClick(widget, LEFT, held, at)
        QApplication.processEvents()
        assert self.clicks + self.edits == before + 1, "it is counted"

    def _sees(self, widget):
        middle = widget.mapTo(self._window, widget.rect().center())
        return widget.isVisible() and self._window.childAt(middle) is widget
