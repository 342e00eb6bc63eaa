"""The colours of texts and curves: one set for dark windows, one for light ones.

No colour of text is legible on both of napari's themes, so that each text takes its own from the window
it is in, and another when the theme changes.
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
"""What a widget is told when the theme has changed, or it has come into another window."""
TONE = re.compile(r"var\(--(\w+)\)")
"""Stands in rich text for a colour, as in a style sheet of the web: ``color: var(--dim)``."""


@dataclass(frozen=True)
class Theme:
    """Colours that can be read on one kind of window.

    Attributes
    ----------
    dim
        Of text that is not the main thing.
    good, bad
        Of what became better or worse.
    loss
        Of a curve that should fall; one that should rise is `good`.
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
    # what the theme writes in tells what it writes on
    written = window.palette().color(QPalette.ColorRole.WindowText)
    return ON_DARK if written.lightness() > 127 else ON_LIGHT


def themed(words: str, tones: Theme) -> str:
    """Put colours into rich text that names them."""
    known = asdict(tones)
    return TONE.sub(lambda found: known[found[1]], words)


class ThemedLabel(QLabel):
    """A label that follows the theme.

    Parameters
    ----------
    words
        What it says; rich text may name colours, such as ``var(--dim)``.
    dim
        Whether all of it is dim.
    """

    def __init__(self, words: str = "", *, dim: bool = False) -> None:
        super().__init__()
        self._words = words
        self._dim = dim
        self._tones: Theme | None = None
        self.setText(words)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a width to wrap at, and one line's height: forms leave more only where it is needed."""
        hint: QSize = super().sizeHint()
        if self.wordWrap():
            hint.setHeight(self.minimumSizeHint().height())
        return hint

    def setText(self, words: str) -> None:  # noqa: N802 - Qt's name
        """Say something."""
        self._words = words
        self._tones = None
        self._follow()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the window that it is seen in."""
        super().showEvent(event)
        self._follow()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS:
            self._follow()

    def _follow(self) -> None:
        tones = theme_of(self)
        # setting the style is itself a change of it
        if tones == self._tones:
            return
        self._tones = tones
        super().setText(themed(self._words, tones))
        if self._dim:
            self.setStyleSheet(f"color: {tones.dim};")
