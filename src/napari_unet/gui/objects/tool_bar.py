"""A row of small buttons with a picture and the key beneath it, in the colours of the window."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QByteArray, QSize, Qt, QTimer
from qtpy.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from napari_unet.gui.widgets.theme import FOLLOWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QShowEvent

FOLDER = Path(__file__).parent / "icons"
ICON_PX, LEAST_WIDTH_PX = 22, 28
DRAWN_PX = tuple(round(ICON_PX * scale) for scale in (1, 1.5, 2, 3))
"""Sizes at which a picture is drawn, for screens of as many pixels an inch."""
TIP_OF_KEY = "{tip} (Key {key} while the mouse is over the image.)"
STYLE = """
QToolButton {{
  background-color: {faint}; color: {ink}; border: none; border-radius: 3px; padding: 3px 0px 1px 0px;
  font-size: 8pt;
}}
QToolButton:hover {{ background-color: {hover}; }}
QToolButton:checked {{ background-color: {ink}; color: {ground}; }}
QToolButton:disabled {{ background-color: transparent; color: {weak}; }}
"""


class ToolButton(QToolButton):
    """A picture with a key beneath it.

    Parameters
    ----------
    picture
        Name of the file with the picture, without its ending.
    title
        Name of the tool, for those who have the window read to them.
    tip
        What it does; the key is added.
    checkable
        Whether it stays pressed.
    """

    def __init__(self, picture: str, title: str, tip: str, *, checkable: bool = True) -> None:
        super().__init__()
        self._picture, self._tip = picture, tip
        self._drawn: tuple[str, str] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._follow)
        self.setCheckable(checkable)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.setMinimumWidth(LEAST_WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        self.show_key("")

    def show_key(self, key: str) -> None:
        """Show which key does the same; none if it is empty."""
        # a space keeps the picture where it is in the others
        self.setText(key or " ")
        tip = f"<b>{self.accessibleName()}</b>. {self._tip}"
        self.setToolTip(TIP_OF_KEY.format(tip=tip, key=key) if key else tip)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of its window."""
        super().showEvent(event)
        self._follow()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS:
            self._follow()
            # the window may get its own colours after what is in it
            self._later.start()

    def _follow(self) -> None:
        window = self.window()
        window.ensurePolished()
        palette = window.palette()
        ink = palette.color(QPalette.ColorRole.WindowText)
        ground = palette.color(QPalette.ColorRole.Window)
        # setting the style changes it, which would not end
        if self._drawn == (ink.name(), ground.name()):
            return
        self._drawn = ink.name(), ground.name()
        self.setIcon(icon(self._picture, *self._drawn))
        shades = {"faint": _thin(ink, 0.12), "hover": _thin(ink, 0.28), "weak": _thin(ink, 0.45)}
        self.setStyleSheet(STYLE.format(ink=ink.name(), ground=ground.name(), **shades))


class ToolBar(QWidget):
    """Buttons in a row, equally wide."""

    def __init__(self, buttons: Iterable[QToolButton]) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for each in buttons:
            row.addWidget(each)


@cache
def icon(picture: str, ink: str, ground: str) -> QIcon:
    """Return a picture in the colour of the text; where a button is pressed, in that of the ground."""
    made = QIcon()
    for state, colour in ((QIcon.State.Off, ink), (QIcon.State.On, ground)):
        for size in DRAWN_PX:
            made.addPixmap(_draw(picture, colour, size), QIcon.Mode.Normal, state)
    return made


def _draw(picture: str, colour: str, size: int) -> QPixmap:
    lines = (FOLDER / f"{picture}.svg").read_text("utf-8").replace("currentColor", colour)
    drawn = QPixmap(size, size)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    QSvgRenderer(QByteArray(lines.encode())).render(painter)
    painter.end()
    return drawn


def _thin(colour: QColor, opacity: float) -> str:
    return f"rgba({colour.red()}, {colour.green()}, {colour.blue()}, {round(255 * opacity)})"
