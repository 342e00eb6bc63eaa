"""Magicgui widgets for text."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import LineEdit

from napari_unet.gui.widgets.exact import Exact


class Text(Exact, LineEdit):
    """A line of text.

    Parameters
    ----------
    none
        The placeholder of the empty line.
    """

    def __init__(self, *, none: str = "", **widget: Any) -> None:
        self._none = none
        super().__init__(**widget)

    def _set_up(self) -> None:
        self.native.setPlaceholderText(self._none)


class TextList(Text):
    """Words or numbers separated by commas; None if the line is empty.

    Parameters
    ----------
    numbers
        Whether words of digits are numbers.
    """

    def __init__(self, *, numbers: bool = False, **widget: Any) -> None:
        self._numbers = numbers
        super().__init__(**widget)

    def to_shown(self, value: Any) -> Any:
        """Return the text for a value."""
        return ", ".join(map(str, value or ()))

    def from_shown(self, shown: Any) -> Any:
        """Return the words and numbers."""
        words = [word.strip() for word in shown.split(",") if word.strip()]
        return tuple(int(w) if self._numbers and w.isdigit() else w for w in words) or None
