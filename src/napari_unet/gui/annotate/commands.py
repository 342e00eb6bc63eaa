"""What can be done in *Annotate* by a key, from napari's command palette and from its list of shortcuts.

This is the one declaration of names and keys: the buttons, the help, napari's lists and the table of the
guide follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Suits = Literal["any", "objects", "classes"]
SUITS: dict[Suits, str] = {
    "any": "all",
    "objects": "objects",
    "classes": "classes and scribbles",
}
"""Annotations in words."""


@dataclass(frozen=True)
class Command:
    """Something to do in *Annotate*.

    Attributes
    ----------
    name
        Tells it apart.
    title
        What it does, in a few words.
    key
        The key as long as nobody chooses another one; empty if it has none.
    suits
        Annotations that it is for: any, objects, or classes and scribbles.
    """

    name: str
    title: str
    key: str = ""
    suits: Suits = "any"

    def is_for(self, kind: str) -> bool:
        """Whether it does something for this kind of annotation."""
        return self.suits == "any" or (self.suits == "objects") == (kind == "objects")


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("click", "Make or mend an object by a click", "C", "objects"),
        Command("outline", "Outline a new object", "O", "objects"),
        Command("split", "Split an object", "S", "objects"),
        Command("merge", "Merge objects", "G", "objects"),
        Command("delete", "Delete objects", "D", "objects"),
        Command("fill", "Fill the holes of objects", "H", "objects"),
        Command("new", "Paint a new object", "N", "objects"),
        Command("accept", "Accept the object, go to the next", "A", "objects"),
        Command("back", "Take the last acceptance back", "Shift-A", "objects"),
        Command("next_class", "Paint with the next class", "", "classes"),
        Command("previous_class", "Paint with the class before", "", "classes"),
        Command("suggest", "Suggest where to paint next", "J"),
        Command("outlines", "Outlines on or off", "X"),
        Command("labels", "Annotation on or off", "Z"),
        Command("next_unchecked", "Next plane or image to check", "PageDown"),
        Command("previous_unchecked", "Previous plane or image to check", "PageUp"),
        Command("check_plane", "Plane checked, or not"),
    )
}
"""By name, in the order in which they are listed."""


def shown(key: str) -> str:
    """Return a key as it is written in the window."""
    return key.replace("+", "-").replace("PageDown", "Page Down").replace("PageUp", "Page Up")


def with_key(words: str, key: str) -> str:
    """Return the words of a button with the key that does the same, if there is one."""
    return f"{words} ({key})" if key else words
