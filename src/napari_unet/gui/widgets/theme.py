"""The colours of texts and curves: one set for dark windows, one for light ones.

No text colour is legible on both of napari's themes, so each text takes its colour from the window it is
in, and changes it with the theme.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

FOLLOWS = QEvent.Type.StyleChange, QEvent.Type.PaletteChange, QEvent.Type.ParentChange
"""Events of a widget whose theme has changed, or that was moved to another window."""
COLOUR = re.compile(r"var\(--(\w+)\)")
"""Stands for a colour in rich text, as in CSS: ``color: var(--dim)``."""


@dataclass(frozen=True)
class Theme:
    """Colours that can be read on one kind of window.

    Attributes
    ----------
    dim
        Of secondary text.
    good, bad
        Of an improvement, and of the opposite.
    loss
        Of a curve that should fall; a curve that should rise is `good`.
    """

    dim: str
    good: str
    bad: str
    loss: str


ON_DARK = Theme(dim="#9ca3af", good="#2dd4bf", bad="#f87171", loss="#f59e0b")
ON_LIGHT = Theme(dim="#565d69", good="#0b665f", bad="#b91c1c", loss="#b45309")


def theme_of(widget: QWidget) -> Theme:
    """Return the colours for the window that a widget is in."""
    window = widget.window() or widget
    window.ensurePolished()
    # the colour of the theme's text tells whether its background is dark
    written = window.palette().color(QPalette.ColorRole.WindowText)
    return ON_DARK if written.lightness() > 127 else ON_LIGHT


def themed(words: str, theme: Theme) -> str:
    """Replace the names of colours in rich text."""
    colours = asdict(theme)
    return COLOUR.sub(lambda match: colours[match[1]], words)


class ThemedLabel(QLabel):
    """A label that follows the theme.

    Parameters
    ----------
    words
        The text; rich text may name colours, such as ``var(--dim)``.
    dim
        Whether it is secondary text.
    """

    def __init__(self, words: str = "", *, dim: bool = False) -> None:
        super().__init__()
        self._words = words
        self._dim = dim
        self._theme: Theme | None = None
        self.setText(words)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a width to wrap at, and the height of one line: forms give more where it is needed."""
        hint: QSize = super().sizeHint()
        if self.wordWrap():
            hint.setHeight(self.minimumSizeHint().height())
        return hint

    def setText(self, words: str) -> None:  # noqa: N802 - Qt's name
        """Set the text."""
        self._words = words
        self._theme = None
        self._follow()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of its window."""
        super().showEvent(event)
        self._follow()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS:
            self._follow()

    def _follow(self) -> None:
        theme = theme_of(self)
        # setting the style changes it, which would not end
        if theme == self._theme:
            return
        self._theme = theme
        super().setText(themed(self._words, theme))
        if self._dim:
            self.setStyleSheet(f"color: {theme.dim};")
