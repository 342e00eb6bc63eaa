"""A list to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import QSignalBlocker

from napari_unet.gui.widgets.exact import Exact
from napari_unet.gui.widgets.fields import make_narrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Entries = Iterable[tuple[str, Any]]


class Choice(Exact, ComboBox):
    """A list to choose from, which cuts long entries off rather than widen the dock.

    Parameters
    ----------
    choices
        Each word with its value; or what returns them, asked again by `reset_choices`.
    by
        The attribute in which the values differ, where they are objects; any object with the same one
        can be set.
    """

    _default_choices: Any

    def __init__(
        self, choices: Entries | Callable[[Any], Entries], *, by: str = "", **widget: Any
    ) -> None:
        self._by = by
        super().__init__(choices=choices if callable(choices) else list(choices), **widget)

    def _set_up(self) -> None:
        make_narrow(self.native)

    @property
    def value(self) -> Any:
        """What is chosen."""
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
        """Offer the present choices in their order, and keep what is chosen if it is one of them."""
        listed = self._default_choices
        entries = list(listed(self) if callable(listed) else listed)
        native, before = self.native, self.native.currentData()
        with QSignalBlocker(native):
            native.clear()
            for word, value in entries:
                native.addItem(word, value)
            rows = [i for i, (_, value) in enumerate(entries) if value == before]
            native.setCurrentIndex(rows[0] if rows else 0)
        self._on_value_change()

    @property
    def entries(self) -> list[tuple[str, Any]]:
        """Each word with its value."""
        native = self.native
        return [(native.itemText(i), native.itemData(i)) for i in range(native.count())]

    def name_choice(self, value: Any, word: str) -> None:
        """Call a choice something else."""
        if not callable(self._default_choices):
            self._default_choices = [
                (word if v == value else w, v) for w, v in self._default_choices
            ]
        self.native.setItemText(self.choices.index(value), word)

    def _key(self, value: Any) -> Any:
        return getattr(value, self._by) if self._by and value is not None else value
