"""A list to choose from."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import QSignalBlocker, Qt

from napari_unet.gui.widgets.exact import Exact
from napari_unet.gui.widgets.fields import make_narrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Entries = Iterable[tuple[str, Any]]


class Choice(Exact, ComboBox):
    """A list to choose from, which cuts off long entries instead of widening the dock.

    Parameters
    ----------
    choices
        Pairs of word and value, or a function that returns them, called by `reset_choices`.
    by
        The attribute by which values are matched, if they are objects.
    tips
        The tooltips of the entries by value.
    """

    _default_choices: Any
    _by = ""
    _tips: Mapping[Any, str] = MappingProxyType({})

    def __init__(
        self,
        choices: Entries | Callable[[Any], Entries],
        *,
        by: str = "",
        tips: Mapping[Any, str] | None = None,
        **widget: Any,
    ) -> None:
        self._by, self._tips = by, tips or {}
        super().__init__(choices=choices if callable(choices) else list(choices), **widget)

    def _set_up(self) -> None:
        make_narrow(self.native)

    @property
    def value(self) -> Any:
        """The chosen value."""
        return self.get_value()

    @value.setter
    def value(self, value: Any) -> None:
        self.set_value(value)

    def to_shown(self, value: Any) -> Any:
        """Return the entry for a value.

        Raises
        ------
        ValueError
            When there is none.
        """
        for entry in self.choices:
            if self._key(entry) == self._key(value):
                return entry
        raise ValueError(f"{value!r} is not a valid choice; choose one of {self.choices}")

    def reset_choices(self, *_: Any) -> None:
        """List the current choices, and keep the chosen value if it is one of them."""
        listed = self._default_choices
        entries = list(listed(self) if callable(listed) else listed)
        native, before = self.native, self.native.currentData()
        with QSignalBlocker(native):
            native.clear()
            for i, (word, value) in enumerate(entries):
                native.addItem(word, value)
                native.setItemData(i, self._tips.get(value), Qt.ItemDataRole.ToolTipRole)
            rows = [i for i, (_, value) in enumerate(entries) if value == before]
            native.setCurrentIndex(rows[0] if rows else 0)
        self._on_value_change()

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values that can be chosen."""
        return tuple(value for _, value in self.entries)

    @choices.setter
    def choices(self, choices: Entries | Callable[[Any], Entries]) -> None:
        self._default_choices = choices if callable(choices) else list(choices)
        self.reset_choices()

    @property
    def entries(self) -> list[tuple[str, Any]]:
        """Pairs of word and value."""
        native = self.native
        return [(native.itemText(i), native.itemData(i)) for i in range(native.count())]

    def name_choice(self, value: Any, word: str) -> None:
        """Change the word for a value."""
        if not callable(self._default_choices):
            self._default_choices = [
                (word if v == value else w, v) for w, v in self._default_choices
            ]
        self.native.setItemText(self.choices.index(value), word)

    def _key(self, value: Any) -> Any:
        return getattr(value, self._by) if self._by and value is not None else value
