"""Base of controls that keep the exact value: Qt's boxes round, and cannot show None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = object()


class Exact:
    """Mixin of magicgui widgets: returns exactly the value that was set until the user changes it.

    `changed` is emitted only if the value differs from the previous one.

    Parameters
    ----------
    check
        Converts the value to set, or raises a ``ValueError`` if it is not allowed.
    """

    _check: Callable[[Any], Any] | None = None
    _set: Any = None
    _shown: Any = NOTHING
    _last: Any = NOTHING
    _setting = False

    def __init__(self, *, check: Callable[[Any], Any] | None = None, **widget: Any) -> None:
        self._check = check
        # the widget decides itself whether it takes None
        widget.pop("nullable", None)
        value = widget.pop("value", NOTHING)
        super().__init__(**widget)
        self._set_up()
        if value is not NOTHING:
            self.set_value(value)
        self._last = self.get_value()

    def _set_up(self) -> None:
        """Set up the control before it shows a value."""

    def to_shown(self, value: Any) -> Any:
        """Return what the box shows for a value."""
        return value

    def from_shown(self, shown: Any) -> Any:
        """Return the value that the box shows."""
        return shown

    def get_value(self) -> Any:
        """Return the value."""
        shown = super().get_value()  # type: ignore[misc]
        return self._set if shown == self._shown else self.from_shown(shown)

    def set_value(self, value: Any) -> None:
        """Set a value.

        Raises
        ------
        ValueError
            When it is not allowed.
        """
        if self._check is not None:
            value = self._check(value)
        self._setting = True
        try:
            super().set_value(self.to_shown(value))  # type: ignore[misc]
        finally:
            self._setting = False
        shown = super().get_value()  # type: ignore[misc]
        # kept only if needed, so that removed layers are not kept alive
        exact = self.from_shown(shown) == value
        self._set, self._shown = (None, NOTHING) if exact else (value, shown)
        self._on_value_change()

    def _on_value_change(self, _: Any = None) -> None:
        if self._setting:
            return
        value = self.get_value()
        if self._last is NOTHING or value != self._last:
            self._last = value
            self.changed.emit(value)  # type: ignore[attr-defined]
