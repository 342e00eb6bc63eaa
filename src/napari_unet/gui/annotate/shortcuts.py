"""The keys of *Annotate* in napari's *Preferences ▸ Shortcuts*, where they can be changed.

napari lists what its action manager has, and binds it to classes of things that take keys. Ours must not
be bound to all labels layers, whose own keys they would replace. So they are bound to a class without
instances; the panel binds what it finds there to the annotation.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from napari.utils.key_bindings import KeymapProvider, coerce_keybinding
from psygnal.containers import EventedDict
from qtpy.QtCore import QObject, Signal

from napari_unet.gui.annotate.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.annotate.commands import Command

PACKAGE = "napari-unet-studio"
TITLE = "Annotate: {}"
PREFIX = "annotate_"
"""Tells the names of our functions from napari's, among which it looks for keys that repeat."""


def _is_listed(key: str) -> bool:
    """Whether napari can list a key: it has no name for some, such as Page Down, and warns of them."""
    return len(key.rpartition("-")[2]) == 1


def _listed_name(command: Command) -> str:
    return f"{PACKAGE}:{PREFIX}{command.name}"


def _listed_keys(command: Command) -> list[Any]:
    return [coerce_keybinding(command.key)] if _is_listed(command.key) else []


def _calling(command: Command, run: Callable[[str], None]) -> Callable[..., None]:
    def call(*_: Any) -> None:
        run(command.name)

    call.__name__ = PREFIX + command.name
    return call


KEYMAP: EventedDict[Any, Callable[..., None]] = EventedDict(
    {
        coerce_keybinding(command.key): _calling(command, lambda _: None)
        for command in COMMANDS.values()
        if _is_listed(command.key)
    }
)
"""What napari has bound to each of our keys; until it lists them, those of the declaration."""


class KeyNews(QObject):
    """Tells when napari has changed a key; panels that are gone are not told."""

    changed = Signal()


NEWS = KeyNews()
KEYMAP.events.connect(lambda _: NEWS.changed.emit())


class AnnotationKeys(KeymapProvider):
    """What napari binds our keys to."""


AnnotationKeys.class_keymap = KEYMAP


@cache
def list_in_napari(run: Callable[[str], None]) -> None:
    """List the commands in napari's preferences, with the keys that the user chose there.

    Parameters
    ----------
    run
        Does what a command says; it is given its name.
    """
    from napari.settings import get_settings
    from napari.utils.action_manager import action_manager

    settings = get_settings().shortcuts
    chosen = settings.shortcuts
    KEYMAP.clear()
    for command in COMMANDS.values():
        name, title = _listed_name(command), TITLE.format(command.title)
        action_manager.register_action(name, _calling(command, run), title, AnnotationKeys)
        for key in chosen.get(name, _listed_keys(command)):
            action_manager.bind_shortcut(name, coerce_keybinding(key))
    settings.events.shortcuts.connect(_keep_what_differs)


def _keep_what_differs(event: Any) -> None:
    """Let napari store only the keys that differ from ours: it warns of each when it starts again."""
    settings = event.source
    ours = {_listed_name(command): _listed_keys(command) for command in COMMANDS.values()}
    stored = settings.shortcuts
    kept = {name: keys for name, keys in stored.items() if keys != ours.get(name)}
    if len(kept) < len(stored):
        settings.shortcuts = kept


def keys_of() -> dict[str, list[Any]]:
    """Return the keys of each command, by its name."""
    keys: dict[str, list[Any]] = {}
    for key, call in KEYMAP.items():
        keys.setdefault(call.__name__.removeprefix(PREFIX), []).append(key)
    for command in COMMANDS.values():
        if command.key and not _is_listed(command.key):
            keys.setdefault(command.name, [coerce_keybinding(command.key)])
    return keys
