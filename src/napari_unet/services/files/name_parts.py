"""What the name of a file says of its image, such as plate, well, field and condition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.services.files.names import stem_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMS = {
    "well": r"[A-Pa-p]\d{1,2}",
    "field": r"\d+",
    "row": r"[A-Pa-p]|\d+",
    "column": r"\d+",
}
"""What certain parts look like; any other is as short as the pattern allows."""
PART = re.compile(r"\{(\w+)\}|(\*)")
COMMON = (
    "{plate}_{well}_s{field}*",
    "{plate}_{well}_f{field}*",
    "{plate}_{well}_{field}*",
    "{condition}_{well}_{field}*",
    "{well}_s{field}*",
    "{well}_f{field}*",
    "{well}_{field}*",
    "{plate}_{well}*",
    "{well}*",
)
"""Patterns that are tried where none is given."""
RESERVED = frozenset({"image", "label", "t", "z", "track", "parent"})
"""Columns of a table of measures that no part may be called."""
SHOWN = 3


@dataclass(frozen=True)
class NamePattern:
    """A pattern, such as ``{plate}_{well}_f{field}``.

    Attributes
    ----------
    text
        As it was written. ``{name}`` is a named part, ``*`` anything. With ``/``, as in
        ``{condition}/{well}_*``, folders are matched, too. The suffix of the file does not belong to it.
    """

    text: str

    def __post_init__(self) -> None:
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        bad = [name for name in names if name in RESERVED or name[0].isdigit()]
        if not names or twice or bad or re.search(r"[{}]", PART.sub("", self.text)):
            raise UserError(
                "The pattern of names can't be used",
                value=repr(self.text),
                rule="It has parts in braces, each with a name of its own, such as "
                "{plate}_{well}_f{field}; * stands for anything.",
                remedy=f"Rename {', '.join(twice or bad)}."
                if twice or bad
                else "Write it like that.",
            )

    @property
    def names(self) -> list[str]:
        """The names of its parts."""
        return [name for name, _ in PART.findall(self.text) if name]

    def match(self, path: Path) -> dict[str, str] | None:
        """Return the parts of the name of a file; None if it does not fit. Wells are written as A01."""
        folders = self.text.count("/")
        above = list(path.absolute().parts[:-1])[-folders:] if folders else []
        found = re.fullmatch(self._expression, "/".join([*above, stem_of(path)]))
        if found is None:
            return None
        parts = found.groupdict()
        if "well" in parts:
            parts["well"] = f"{parts['well'][0].upper()}{int(parts['well'][1:]):02}"
        return parts

    @property
    def _expression(self) -> str:
        pieces, end = [], 0
        for part in PART.finditer(self.text):
            pieces.append(re.escape(self.text[end : part.start()]))
            name = part[1]
            pieces.append(f"(?P<{name}>{FORMS.get(name, '[^/]+?')})" if name else "[^/]*?")
            end = part.end()
        return "".join([*pieces, re.escape(self.text[end:])])


def read_names(pattern: NamePattern, paths: Sequence[Path]) -> list[dict[str, str]]:
    """Return the parts of the names of files.

    Raises
    ------
    UserError
        When a name does not fit the pattern; shows which.
    """
    matches = [pattern.match(path) for path in paths]
    missed = [path.name for path, parts in zip(paths, matches, strict=True) if parts is None]
    if missed:
        more = f" and {len(missed) - SHOWN} more" if len(missed) > SHOWN else ""
        raise UserError(
            "Names of files don't fit the pattern",
            value=f"{', '.join(missed[:SHOWN])}{more} of {len(paths)}",
            rule=f"Every name must fit {pattern.text!r}, without its suffix.",
            remedy="Change the pattern, or leave these files out. * stands for anything.",
        )
    return [parts for parts in matches if parts is not None]


def guess_pattern(paths: Sequence[Path]) -> NamePattern | None:
    """Return a common pattern that all names fit; None if there is none."""
    for text in COMMON:
        pattern = NamePattern(text)
        if paths and all(pattern.match(path) is not None for path in paths):
            return pattern
    return None


def describe_matches(pattern: NamePattern, paths: Sequence[Path]) -> str:
    """Say in a few lines how names are read: the first ones, the count of each part, and what is not."""
    matches = [(path, pattern.match(path)) for path in paths]
    fitting = [(path, parts) for path, parts in matches if parts is not None]
    lines = [f"{path.name}: {_in_words(parts)}" for path, parts in fitting[:SHOWN]]
    if len(fitting) > SHOWN:
        lines.append("…")
    counts = []
    for name in pattern.names:
        n = len({parts[name] for _, parts in fitting})
        counts.append(f"{n} {name}{'s' * (n != 1)}")
    lines.append(f"{len(fitting)} of {len(paths)} names fit: {', '.join(counts)}.")
    missed = [path.name for path, parts in matches if parts is None]
    if missed:
        lines.append(f"Not: {', '.join(missed[:SHOWN])}{' …' if len(missed) > SHOWN else ''}")
    return "\n".join(lines)


def _in_words(parts: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parts.items())
