"""What a check has found, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Fault = Literal[
    "unreadable",
    "shifted",
    "turned",
    "scaled",
    "swapped",
    "duplicate",
    "image as labels",
    "two places",
    "several objects",
    "sliver",
    "missing objects",
    "other scale",
    "empty",
    "constant image",
    "inverted",
    "meaning",
]
"""Kinds of faults."""


@dataclass(frozen=True)
class Place:
    """A rectangle in a plane of an image.

    Attributes
    ----------
    rows, columns
        First pixel and one past the last.
    index
        Position along the other label axes.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    index: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        position = [f"{a} {i}" for a, i in self.index.items()]
        (top, bottom), (left, right) = self.rows, self.columns
        return ", ".join([*position, f"y {top}–{bottom - 1}", f"x {left}–{right - 1}"])


@dataclass(frozen=True)
class Finding:
    """A probable fault.

    Attributes
    ----------
    fault
        Its kind.
    pair
        Number of the image and its labels, in the order they were given.
    name
        Name of the labels.
    message
        What is wrong, as a clause.
    place
        Where; None if it concerns all of the image.
    """

    fault: Fault
    pair: int
    name: str
    message: str
    place: Place | None = None

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place is not None else ""
        return f"{self.name}: {self.message}{where}"
