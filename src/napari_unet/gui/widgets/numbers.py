"""Magicgui widgets for numbers: with units, and a place for None."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import FloatSlider, FloatSpinBox
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_unet.gui.widgets.exact import Exact

MAX_NUMBER = 1_000_000
"""Upper end of a box whose option has none; larger values can be set from Python."""


class NumberBox(Exact, FloatSpinBox):
    """A box for a number, or for None, which has a word at the box's lower end.

    Parameters
    ----------
    low, high
        The range of the number.
    step, decimals
        What an arrow adds, and the digits that are shown.
    whole
        Whether it is an integer.
    unit
        Stands behind the number.
    none
        The word for None; empty: None is no value.
    """

    def __init__(
        self,
        *,
        low: float,
        high: float,
        step: float = 1,
        decimals: int = 2,
        whole: bool = False,
        unit: str = "",
        none: str = "",
        **widget: Any,
    ) -> None:
        self._low, self._high, self._whole, self._none = low, high, whole, none
        self._decimals, self._unit = 0 if whole else decimals, unit
        # where 0 is no value, None takes its place, so that steps come to round numbers
        self._floor = low if not none else 0 if low > 0 else low - step
        super().__init__(min=self._floor, max=high, step=step, **widget)

    def to_shown(self, value: Any) -> Any:
        """Return what the box shows for a value."""
        return self._floor if value is None else min(max(value, self._low), self._high)

    def from_shown(self, shown: Any) -> Any:
        """Return the value that the box shows."""
        if self._none and shown == self._floor:
            return None
        shown = max(shown, self._low)
        return round(shown) if self._whole else shown

    def _set_up(self) -> None:
        _write_as(self.native, self._decimals, self._unit)
        self.native.setSpecialValueText(self._none)
        self.native.editingFinished.connect(self._stay_in_range)

    def _stay_in_range(self) -> None:
        """Correct a number that was typed between the word and the lowest value."""
        if self._floor < self.native.value() < self._low:
            self.native.setValue(self._low)


class NumberSlider(Exact, FloatSlider):
    """A slider for a number, which shows for None what is then used.

    Parameters
    ----------
    low, high
        The range of the number.
    step, decimals
        What an arrow key adds, and the digits that are shown and kept.
    unit
        Stands behind the number.
    """

    def __init__(
        self,
        *,
        low: float,
        high: float,
        step: float = 0.01,
        decimals: int = 2,
        unit: str = "",
        **widget: Any,
    ) -> None:
        self._decimals, self._unit, self._automatic = decimals, unit, low
        super().__init__(min=low, max=high, step=step, **widget)

    @property
    def automatic(self) -> float:
        """The number that None stands for."""
        return self._automatic

    @automatic.setter
    def automatic(self, number: float) -> None:
        self._automatic = number
        if self.get_value() is None:
            self.set_value(None)

    @property
    def enabled(self) -> bool:
        """Whether it can be moved, and its number be typed."""
        return bool(self.native.isEnabled())

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self.native.setEnabled(value)

    @property
    def tooltip(self) -> str:
        """What is said where the mouse rests on it."""
        return str(self.native.toolTip())

    @tooltip.setter
    def tooltip(self, value: str | None) -> None:
        for part in (self.native, *self.native.findChildren(QWidget)):
            part.setToolTip(value or "")

    def to_shown(self, value: Any) -> Any:
        """Return where the slider stands for a value."""
        return self._automatic if value is None else value

    def from_shown(self, shown: Any) -> Any:
        """Return the value where the slider stands."""
        return round(shown, self._decimals)

    def _set_up(self) -> None:
        _write_as(self.native.findChild(QDoubleSpinBox), self._decimals, self._unit)


def _write_as(box: QDoubleSpinBox, decimals: int, unit: str) -> None:
    """Give a box its digits and its unit."""
    box.setDecimals(decimals)
    box.setSuffix(unit if unit in ("", "°", "×") else f" {unit}")
