"""Which annotations are held out from training, to validate the network on them.

Whole strokes and whole objects, never pixels of one on both sides; of dense classes, whole regions or
planes where there are several.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_unet.core.annotations.holdout_areas import (
    Area,
    class_name,
    count_classes,
    find_areas,
    split_areas,
)
from napari_unet.core.annotations.holdout_groups import (
    ENOUGH_OBJECTS,
    ENOUGH_STROKES,
    split_group,
    stroke_groups,
)
from napari_unet.core.annotations.holdout_masks import (
    NOTE,
    add_masks,
    stroke_masks,
    strokes_since,
    strokes_touching,
)
from napari_unet.core.annotations.validation_split import MIN_CANDIDATES, Candidate
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import PlaneKey, Truth
    from napari_unet.core.annotations.bitmask import BitMask
    from napari_unet.core.annotations.holdout_masks import Held


@dataclass(frozen=True, eq=False)
class HoldOut:
    """Annotations of which a part is held out.

    Attributes
    ----------
    truths
        The annotations; `Truth.training` and `Truth.validation` return the two parts.
    taken
        What is held out, such as ``"3 of 14 strokes"``; empty if nothing is.
    reason
        Why nothing is held out; empty if something is.
    """

    truths: tuple[Truth, ...]
    taken: tuple[str, ...]
    reason: str

    @property
    def masks(self) -> Held:
        """What is held out of each annotation, plane by plane."""
        return [truth.held for truth in self.truths]

    def __str__(self) -> str:
        return f"Held out: {', '.join(self.taken)}." if self.taken else self.reason


@dataclass
class _Choice:
    """What is chosen to be held out.

    Attributes
    ----------
    strokes
        The numbers of the strokes or objects of each annotation.
    areas
        Regions and planes.
    taken
        As in `HoldOut`.
    """

    strokes: list[set[int]]
    areas: list[Area] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def add_areas(self, held: Sequence[Area], total: int) -> None:
        if held:
            self.areas += held
            self.taken.append(f"{len(held)} of {total} regions or planes")

    def add_strokes(self, held: Sequence[Candidate], total: int, name: str) -> None:
        for candidate in held:
            self.strokes[candidate.truth].add(candidate.number)
        if held:
            self.taken.append(f"{len(held)} of {total} {name}")

    def add_groups(
        self, groups: Sequence[Sequence[Candidate]], held: Sequence[Sequence[Candidate]], name: str
    ) -> None:
        every, out = ([c for each in some for c in each] for some in (groups, held))
        if all(c.changed for c in every):
            self.add_strokes(out, len(every), name)
            return
        for title, changed in ((f"corrected {name}", True), (f"unchanged {name}", False)):
            total = sum(c.changed == changed for c in every)
            self.add_strokes([c for c in out if c.changed == changed], total, title)


def hold_out(
    truths: Sequence[Truth],
    *,
    fraction: float = 0.2,
    seed: int = 0,
    earlier: Held | None = None,
    learnt: Sequence[Truth] = (),
) -> Job[HoldOut]:
    """Choose what to hold out, by a hash of the positions.

    Scribbles: a fraction of the strokes of each class with at least `MIN_CANDIDATES` strokes, if there
    are two such classes. Objects: a fraction of them, with the background nearest to each. Classes: a
    fraction of the regions, or without regions of the planes, if there are enough, with each class that
    several of them contain on both sides; else, as for objects, of the connected parts. Of a corrected
    result, the fraction is that of what was changed; of the rest, as many in proportion.

    Parameters
    ----------
    truths
        The annotations.
    fraction
        Fraction of the strokes, objects or areas, 0 to 1.
    seed
        Seed of the hashes.
    earlier
        What was held out of these annotations when less was painted, plane by plane. It remains held
        out, with what has been painted onto it, and nothing else is.
    learnt
        The annotations as they were then. If nothing was held out of them, a fraction of the new
        strokes is, and of the objects in new planes and regions, once there are enough altogether.

    Yields
    ------
    Progress
        After each plane.
    """
    if earlier is not None and (any(earlier) or not learnt):
        return (yield from _hold_out_again(truths, earlier))
    since = (yield from strokes_since(truths, learnt)) if learnt else None
    choice, reason = _Choice([set() for _ in truths]), ""
    # which areas of dense classes were learnt can't be told from their strokes
    for kind in ("scribbles", "objects") if learnt else ("scribbles", "objects", "classes"):
        numbers = [i for i, truth in enumerate(truths) if truth.annotation.kind == kind]
        areas = (yield from find_areas(truths, numbers)) if kind == "classes" else []
        if len(areas) >= MIN_CANDIDATES:
            held_areas, reason = split_areas(areas, fraction, seed)
            choice.add_areas(held_areas, len(areas))
            continue
        groups = stroke_groups(truths, numbers)
        enough = ENOUGH_STROKES if kind == "scribbles" else ENOUGH_OBJECTS
        held = [split_group(group, since, fraction, seed, enough) for group in groups]
        if kind != "scribbles" or sum(map(bool, held)) >= 2:
            name = "objects" if kind == "objects" else "strokes"
            choice.add_groups(groups, held, name)
    if not choice.taken:
        return HoldOut(tuple(truths), (), reason or _reason(truths, since=bool(learnt)))
    return (yield from _apply(choice, truths, learnt))


def sides(held: HoldOut) -> Job[tuple[set[int], set[int]]]:
    """Return the classes that are learnt, and those that are held out; objects are class 1."""
    learnt, validated = Counter[int](), Counter[int]()
    for truth in held.truths:
        learnt.update(truth.pixels)
        for key, mask in truth.held.items():
            for value, n in count_classes(truth, key, mask).items():
                if value >= 0:
                    validated[min(value, 1) if truth.objects else value] += n
            yield Progress(0, 1, NOTE)
    learnt.subtract(validated)
    return {c for c, n in learnt.items() if n > 0}, set(validated)


def _apply(choice: _Choice, truths: Sequence[Truth], learnt: Sequence[Truth]) -> Job[HoldOut]:
    """Hold out what was chosen, unless it is of one class only."""
    masks = yield from stroke_masks(truths, choice.strokes, learnt)
    for area in choice.areas:
        add_masks(masks[area.candidate.truth], area.planes)
    held_out = HoldOut(_with(truths, masks), tuple(choice.taken), "")
    of_strokes = zip(truths, choice.strokes, strict=True)
    if {truth.annotation.kind for truth, strokes in of_strokes if strokes} == {"classes"}:
        # of scribbles and areas there are always two
        _, validated = yield from sides(held_out)
        if len(validated) < 2:
            return HoldOut(tuple(truths), (), _one_class(validated))
    return held_out


def _hold_out_again(truths: Sequence[Truth], earlier: Held) -> Job[HoldOut]:
    """Hold out what was held out, and the strokes and objects with a pixel in it."""
    grown: list[set[int]] = [set() for _ in truths]
    for i, (truth, before) in enumerate(zip(truths, earlier, strict=False)):
        # the parts of dense classes are connected across everything
        if truth.annotation.kind != "classes":
            grown[i] = strokes_touching(truth, before)
    held = yield from stroke_masks(truths, grown)
    for masks, before in zip(held, earlier, strict=False):
        add_masks(masks, before)
    if not any(held):
        return HoldOut(tuple(truths), (), "No validation set, as before.")
    return HoldOut(_with(truths, held), ("the same as before",), "")


def _with(truths: Sequence[Truth], held: Sequence[Mapping[PlaneKey, BitMask]]) -> tuple[Truth, ...]:
    return tuple(replace(truth, held=masks) for truth, masks in zip(truths, held, strict=True))


def _one_class(validated: set[int]) -> str:
    only = min(validated)
    other = "some background" if only else "some of a class"
    return (
        f"No validation set: only {class_name(only)} could be held out; paint {other}, too. Or draw "
        f"{MIN_CANDIDATES} regions, or annotate as many planes, two of them with the background and "
        "two with a class."
    )


def _reason(truths: Sequence[Truth], *, since: bool) -> str:
    if since:
        return (
            "No validation set, as before: what was learnt can't be used for validation. Paint two "
            "new strokes each of the background and of a class, or two objects in a plane or region "
            f"that is new; {MIN_CANDIDATES} are needed altogether."
        )
    n = sum(len(truth.strokes.sizes) for truth in truths)
    return (
        f"No validation set: {n} stroke{'s' * (n != 1)} or objects are too few. Validation needs "
        f"{MIN_CANDIDATES} strokes each of the background and of a class, or {MIN_CANDIDATES} objects, "
        f"or {MIN_CANDIDATES} regions or planes, two of them with the background and two with a class."
    )
