"""What there is to train on, in words, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import Truth


@dataclass(frozen=True)
class Summary:
    """What there is to train on.

    Attributes
    ----------
    planes
        Planes on which annotations apply.
    strokes, objects
        Connected pieces of paint in scribbles and classes, and objects.
    pixels
        Labelled pixels of each class by its name, the background first.
    missing
        What is still needed, each a sentence without its full stop.
    """

    planes: int
    strokes: int
    objects: int
    pixels: Mapping[str, int]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        if not any(self.pixels.values()):
            return f"{self.missing[0]}."
        missing = "".join(f" {sentence}." for sentence in self.missing)
        return f"{self._there}.{missing}"

    @property
    def _there(self) -> str:
        things = {"plane": self.planes, "stroke": self.strokes, "object": self.objects}
        there = [f"{n:,} {what}{'s' * (n != 1)}" for what, n in things.items() if n]
        counts = [f"{name} {n:,}" for name, n in self.pixels.items()]
        return f"{', '.join(there)}; pixels: {', '.join(counts)}"

    @property
    def enough(self) -> bool:
        """Whether there is something to train on."""
        return sum(1 for n in self.pixels.values() if n) >= 2

    def check(self) -> None:
        """Raise a `UserError` when there is too little to train on."""
        if self.enough:
            return
        present = [name for name, n in self.pixels.items() if n]
        raise UserError(
            f"Only {present[0]!r} has been painted" if present else "Nothing has been painted yet",
            value=self._there if present else None,
            rule="Training needs labelled pixels of the background and of at least one class, or of two "
            "classes.",
            remedy=f"{'. '.join(self.missing)}: paint some.",
        )


def summarise(truths: Sequence[Truth], names: Mapping[int, str]) -> Summary:
    """Summarise annotations that have been looked through.

    Parameters
    ----------
    truths
        The annotations.
    names
        Name of each class by its label value, background left out.
    """
    every = {0: "background", **names}
    counts = {c: sum(truth.pixels.get(c, 0) for truth in truths) for c in every}
    numbers = [(len(truth.strokes.sizes), truth.objects) for truth in truths]
    return Summary(
        planes=sum(len(truth.applies) for truth in truths),
        strokes=sum(n for n, objects in numbers if not objects),
        objects=sum(n for n, objects in numbers if objects),
        pixels={name: counts[c] for c, name in every.items()},
        missing=_missing(counts, every, truths),
    )


def _missing(
    counts: Mapping[int, int], names: Mapping[int, str], truths: Sequence[Truth]
) -> tuple[str, ...]:
    if not any(counts.values()):
        regions = any(truth.annotation.regions for truth in truths)
        return ("Nothing painted inside the regions yet" if regions else "Nothing painted yet",)
    # only scribbles say the background by a label of its own
    scribbles = all(truth.annotation.kind == "scribbles" for truth in truths)
    first = 1 if scribbles else 0
    absent = [c for c in names if not counts[c]]
    if absent[:1] == [0] and not scribbles:
        absent = absent[1:]
        found = ["No background where the annotation applies"]
    else:
        found = []
    found += [f"No {names[c]} painted yet (label {c + first})" for c in absent]
    return tuple(found)
