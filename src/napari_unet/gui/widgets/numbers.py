"""Magicgui widgets for numbers with units, or None."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import FloatSlider, FloatSpinBox
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_unet.gui.widgets.exact import Exact

MAX_NUMBER = 1_000_000
"""Upper end of a box whose option has none; larger values can be set from Python."""

NUMBER_MARGIN = 20
"""Pixels beside the number of a slider."""


class NumberBox(Exact, FloatSpinBox):
    """A spin box for a number, or for None, which is a word below the lowest number.

    Parameters
    ----------
    low, high
        The range of the number.
    step, decimals
        The step of the arrows, and the number of digits shown.
    whole
        Whether it is an integer.
    unit
        The unit of the number.
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
        # None takes the place of 0 if 0 is not allowed, so that steps give round numbers
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
        """Correct a number that was typed below the lowest value."""
        if self._floor < self.native.value() < self._low:
            self.native.setValue(self._low)


class NumberSlider(Exact, FloatSlider):
    """A slider for a number; for None, it shows the number that is used instead.

    Parameters
    ----------
    low, high
        The range of the number.
    step, decimals
        The step of the arrow keys, and the number of digits.
    unit
        The unit of the number.
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
        """Whether it can be changed."""
        return bool(self.native.isEnabled())

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self.native.setEnabled(value)

    @property
    def tooltip(self) -> str:
        """The tooltip of the slider and its number."""
        return str(self.native.toolTip())

    @tooltip.setter
    def tooltip(self, value: str | None) -> None:
        for part in (self.native, *self.native.findChildren(QWidget)):
            part.setToolTip(value or "")

    def to_shown(self, value: Any) -> Any:
        """Return the position of the slider for a value."""
        return self._automatic if value is None else value

    def from_shown(self, shown: Any) -> Any:
        """Return the value at a position of the slider."""
        return round(shown, self._decimals)

    def _set_up(self) -> None:
        number = self.native.findChild(QDoubleSpinBox)
        _write_as(number, self._decimals, self._unit)
        # no wider than the number, so that the slider gets the rest
        widest = f"{self.max:.{self._decimals}f}{number.suffix()}"
        width = number.fontMetrics().horizontalAdvance(widest) + NUMBER_MARGIN
        limits = f"min-width: {width}px; max-width: {width}px; padding: 0;"
        # napari's style sheet makes all spin boxes wide
        number.setStyleSheet(f"{number.styleSheet()} {limits}")


def _write_as(box: QDoubleSpinBox, decimals: int, unit: str) -> None:
    """Set the digits and the unit of a spin box."""
    box.setDecimals(decimals)
    box.setSuffix(unit if unit in ("", "°", "×") else f" {unit}")
