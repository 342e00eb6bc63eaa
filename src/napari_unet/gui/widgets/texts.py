"""Magicgui widgets for what is typed."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import LineEdit

from napari_unet.gui.widgets.exact import Exact


class Text(Exact, LineEdit):
    """A line of text.

    Parameters
    ----------
    none
        What stands in the empty line.
    """

    def __init__(self, *, none: str = "", **widget: Any) -> None:
        self._none = none
        super().__init__(**widget)

    def _set_up(self) -> None:
        self.native.setPlaceholderText(self._none)


class TextList(Text):
    """Words or numbers separated by commas; none of them: None.

    Parameters
    ----------
    numbers
        Whether what consists of digits is a number.
    """

    def __init__(self, *, numbers: bool = False, **widget: Any) -> None:
        self._numbers = numbers
        super().__init__(**widget)

    def to_shown(self, value: Any) -> Any:
        """Return the line for a value."""
        return ", ".join(map(str, value or ()))

    def from_shown(self, shown: Any) -> Any:
        """Return what is listed."""
        words = [word.strip() for word in shown.split(",") if word.strip()]
        return tuple(int(w) if self._numbers and w.isdigit() else w for w in words) or None
