"""What the annotations contain, in words, and what is missing for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import Truth


UNCORRECTED = "Nothing in the result has been corrected yet"


@dataclass(frozen=True)
class Summary:
    """What the annotations contain.

    Attributes
    ----------
    planes
        Number of annotated planes.
    strokes, objects
        Number of strokes, in scribbles and classes, and of objects.
    pixels
        Number of labelled pixels of each class by its name, the background first.
    missing
        What is still needed for training, each a sentence without a full stop.
    notes
        How labels were understood where that is not plain, each a sentence.
    """

    planes: int
    strokes: int
    objects: int
    pixels: Mapping[str, int]
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not any(self.pixels.values()):
            return f"{self.missing[0]}."
        missing = "".join(f" {sentence}." for sentence in self.missing)
        return "\n".join([f"{self._contents}.{missing}", *self.notes])

    @property
    def _contents(self) -> str:
        numbers = {"plane": self.planes, "stroke": self.strokes, "object": self.objects}
        counted = [f"{n:,} {what}{'s' * (n != 1)}" for what, n in numbers.items() if n]
        pixels = [f"{name} {n:,}" for name, n in self.pixels.items()]
        return f"{', '.join(counted)}; pixels: {', '.join(pixels)}"

    @property
    def enough(self) -> bool:
        """Whether there is enough to train on: pixels of two classes, or of one and the background."""
        return sum(1 for n in self.pixels.values() if n) >= 2

    def check(self) -> None:
        """Raise a `UserError` when there is too little to train on."""
        if self.enough:
            return
        present = [name for name, n in self.pixels.items() if n]
        if self.missing[0] == UNCORRECTED:
            raise UserError(
                UNCORRECTED,
                rule="A network that learns from its own result learns its mistakes, too.",
                remedy="Correct what is wrong. Where nothing is, outline as region what you checked.",
            )
        raise UserError(
            f"Only {present[0]!r} has been painted" if present else "Nothing has been painted yet",
            value=self._contents if present else None,
            rule="Training needs labelled pixels of the background and of at least one class, or of two "
            "classes.",
            remedy=f"{'. '.join(self.missing)}: paint some.",
        )


def summarise(truths: Sequence[Truth], names: Mapping[int, str]) -> Summary:
    """Summarise annotations that have been inspected.

    Parameters
    ----------
    truths
        The annotations.
    names
        Name of each class by its number, without the background.
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
        notes=tuple(note for truth in truths for note in truth.annotation.notes),
    )


def _missing(
    counts: Mapping[int, int], names: Mapping[int, str], truths: Sequence[Truth]
) -> tuple[str, ...]:
    if not any(counts.values()):
        regions = any(truth.annotation.regions for truth in truths)
        if not regions and any(truth.annotation.result_before is not None for truth in truths):
            return (UNCORRECTED,)
        return ("Nothing painted inside the regions yet" if regions else "Nothing painted yet",)
    # only scribbles have a label for the background
    scribbles = all(truth.annotation.kind == "scribbles" for truth in truths)
    first = 1 if scribbles else 0
    absent = [c for c in names if not counts[c]]
    if absent[:1] == [0] and not scribbles:
        absent = absent[1:]
        missing = ["No background where the annotation applies"]
    else:
        missing = []
    missing += [f"No {names[c]} painted yet (label {c + first})" for c in absent]
    return tuple(missing)
