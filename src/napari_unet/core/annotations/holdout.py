"""Which paint is kept from training, so that the network can be judged on it.

Whole strokes and whole objects, never pixels of one on both sides; of dense classes, whole regions or
planes where there are several.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import edt
import numpy as np

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.holdout_draw import (
    LEAST,
    Area,
    Thing,
    areas_of,
    class_counts,
    draw,
    draw_areas,
    number_word,
)
from napari_unet.core.annotations.strokes import plane_pieces
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import PlaneKey, Truth

    Held = Sequence[Mapping[PlaneKey, BitMask]]


@dataclass(frozen=True, eq=False)
class HoldOut:
    """Annotations of which a part is held out.

    Attributes
    ----------
    truths
        The annotations; `Truth.training` and `Truth.validation` tell the parts apart.
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


def hold_out(
    truths: Sequence[Truth],
    *,
    fraction: float = 0.2,
    seed: int = 0,
    earlier: Held | None = None,
    learnt: Sequence[Truth] = (),
) -> Job[HoldOut]:
    """Choose what to hold out, by lots that depend on where paint lies.

    Scribbles: of each class with at least `LEAST` strokes a share of the strokes, if there are
    two such classes. Objects: a share of them, with the background nearest to each. Classes: a share of
    the regions, or without regions of the planes, if there are enough; each class that several of them
    hold is on both sides. Else like objects, their connected parts.

    Parameters
    ----------
    truths
        The annotations.
    fraction
        Share of the strokes, objects or areas, 0 to 1.
    seed
        Of the lots.
    earlier
        What was held out of these annotations before more was painted, plane by plane. It stays so,
        with what has grown onto it, and nothing else is.
    learnt
        The annotations as they were then. If nothing was held out of them, a share of new strokes is,
        and of the objects in new planes and regions, once there are enough altogether.

    Yields
    ------
    Progress
        After each plane.
    """
    if earlier is not None and (any(earlier) or not learnt):
        return (yield from _hold_again(truths, earlier))
    fresh = (yield from _painted_since(truths, learnt)) if learnt else None
    strokes: list[set[int]] = [set() for _ in truths]
    chosen: list[Area] = []
    taken: list[str] = []
    lacking = ""
    # which areas of dense classes were learnt from cannot be told stroke by stroke
    for kind in ("scribbles", "objects") if learnt else ("scribbles", "objects", "classes"):
        numbers = [i for i, truth in enumerate(truths) if truth.annotation.kind == kind]
        areas = (yield from areas_of(truths, numbers)) if kind == "classes" else []
        if len(areas) >= LEAST:
            chosen, lacking = draw_areas(areas, fraction, seed)
            if chosen:
                taken.append(f"{len(chosen)} of {len(areas)} regions or planes")
            continue
        pools = _pools(truths, numbers)
        found = [
            draw(_among(pool, fresh), fraction, seed).things if len(pool) >= LEAST else []
            for pool in pools
        ]
        if kind == "scribbles" and sum(map(bool, found)) < 2:
            continue
        for thing in (thing for things in found for thing in things):
            strokes[thing.truth].add(thing.number)
        if n := sum(map(len, found)):
            name = "objects" if kind == "objects" else "strokes"
            taken.append(f"{n} of {sum(map(len, pools))} {name}")
    if not taken:
        return HoldOut(tuple(truths), (), lacking or _reason(truths, since=bool(learnt)))
    held = yield from _masks(truths, strokes, learnt)
    for area in chosen:
        _join(held[area.thing.truth], area.planes)
    parted = HoldOut(_with(truths, held), tuple(taken), "")
    if {truths[i].annotation.kind for i, some in enumerate(strokes) if some} == {"classes"}:
        # of scribbles and areas there are always two
        _, judged = yield from sides(parted)
        if len(judged) < 2:
            return HoldOut(tuple(truths), (), _one_class(judged))
    return parted


def _pools(truths: Sequence[Truth], numbers: Sequence[int]) -> list[list[Thing]]:
    """Strokes by class; all objects together."""
    pools: dict[int, list[Thing]] = defaultdict(list)
    for i in numbers:
        strokes, name = truths[i].strokes, truths[i].annotation.image.name
        each = zip(strokes.values.tolist(), strokes.sizes.tolist(), strokes.middles, strict=True)
        for stroke, (value, size, middle) in enumerate(each):
            pool = pools[0 if truths[i].objects else value]
            pool.append(Thing(i, stroke, size, name, middle))
    return [pools[value] for value in sorted(pools)]


def _painted_since(truths: Sequence[Truth], learnt: Sequence[Truth]) -> Job[list[set[int]]]:
    """Return the strokes and objects of each annotation of which no pixel was learnt."""
    found: list[set[int]] = []
    for truth, before in zip(truths, _matching(truths, learnt), strict=True):
        known: set[int] = set()
        for key, numbers in truth.strokes.pieces.items():
            if before is not None and key in before.applies:
                numbered, _ = plane_pieces(truth, key)
                known.update(numbers[np.unique(numbered[_learnt(before, key)])].tolist())
            yield Progress(0, 1, "Setting paint aside for validation")
        found.append(set(range(len(truth.strokes.sizes))) - known)
    return found


def _matching(truths: Sequence[Truth], learnt: Sequence[Truth]) -> list[Truth | None]:
    """Return each annotation as it was; None for one that was not there."""
    shapes = [truth.annotation.image.label_shape for truth in learnt]
    return [
        learnt[i] if i < len(learnt) and truth.annotation.image.label_shape == shapes[i] else None
        for i, truth in enumerate(truths)
    ]


def _learnt(before: Truth, key: PlaneKey) -> NDArray[np.bool_]:
    """Return where a plane was learnt from: (Y, X). Of objects and classes the background was, too."""
    frame, box = before.annotation.whole(key)
    return before.labels(frame, box) >= 0


def _among(pool: list[Thing], fresh: Sequence[Collection[int]] | None) -> list[Thing]:
    return pool if fresh is None else [t for t in pool if t.number in fresh[t.truth]]


def sides(held: HoldOut) -> Job[tuple[set[int], set[int]]]:
    """Return the classes that are learnt, and those that are held out; objects are class 1."""
    learnt, judged = Counter[int](), Counter[int]()
    for truth in held.truths:
        learnt.update(truth.pixels)
        for key, mask in truth.held.items():
            for value, n in class_counts(truth, key, mask).items():
                if value >= 0:
                    judged[min(value, 1) if truth.objects else value] += n
            yield Progress(0, 1, "Setting paint aside for validation")
    learnt.subtract(judged)
    return {c for c, n in learnt.items() if n > 0}, set(judged)


def _one_class(judged: set[int]) -> str:
    return (
        f"Nothing is held out: of what could be, all is {number_word(min(judged))}, which "
        f"judges nobody. Draw {LEAST} regions, or annotate as many planes, two of them with the "
        "background and two with a class."
    )


def _masks(
    truths: Sequence[Truth], strokes: Sequence[set[int]], learnt: Sequence[Truth] = ()
) -> Job[list[dict[PlaneKey, BitMask]]]:
    """Return where some strokes or objects and the background nearest to them lie, unless learnt."""
    found: list[dict[PlaneKey, BitMask]] = []
    total = sum(
        len(truth.strokes.pieces) for truth, wanted in zip(truths, strokes, strict=True) if wanted
    )
    done = 0
    for truth, wanted, before in zip(truths, strokes, _matching(truths, learnt), strict=True):
        found.append({})
        # one more, for what is no piece and has number -1
        flags = np.zeros(len(truth.strokes.sizes) + 1, dtype=bool)
        flags[list(wanted)] = True
        for key, numbers in truth.strokes.pieces.items() if wanted else ():
            if flags[numbers].any():
                mask = _mask(truth, key, flags[numbers])
                if before is not None and key in before.applies:
                    mask &= ~_learnt(before, key)
                found[-1][key] = BitMask.of(mask)
            done += 1
            yield Progress(done, total, "Setting paint aside for validation")
    return found


def _mask(truth: Truth, key: PlaneKey, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where the wanted pieces of a plane lie, with the background nearest to them."""
    numbered, inside = plane_pieces(truth, key)
    mask: NDArray[np.bool_] = wanted[numbered]
    if truth.annotation.kind != "scribbles":
        others = (numbered > 0) & ~mask
        nearer = edt.edt(~mask) < edt.edt(~others)
        mask |= inside & (numbered == 0) & nearer
    return mask


def _hold_again(truths: Sequence[Truth], earlier: Held) -> Job[HoldOut]:
    """Hold out what was held out, and the strokes and objects that have a pixel in it."""
    grown: list[set[int]] = [set() for _ in truths]
    for i, (truth, before) in enumerate(zip(truths, earlier, strict=False)):
        # parts of dense classes hang together across everything
        for key, mask in before.items() if truth.annotation.kind != "classes" else ():
            if key in truth.strokes.pieces:
                numbered, _ = plane_pieces(truth, key)
                touched = np.unique(numbered[mask.window(*truth.annotation.whole(key)[1])])
                grown[i].update(truth.strokes.pieces[key][touched].tolist())
        grown[i].discard(-1)
    held = yield from _masks(truths, grown)
    for now, before in zip(held, earlier, strict=False):
        _join(now, before)
    if not any(held):
        return HoldOut(tuple(truths), (), "Nothing is held out, as before.")
    return HoldOut(_with(truths, held), ("the same as before",), "")


def _join(held: dict[PlaneKey, BitMask], others: Mapping[PlaneKey, BitMask]) -> None:
    for key, mask in others.items():
        held[key] = BitMask.union([held.get(key, BitMask.none()), mask])


def _with(truths: Sequence[Truth], held: Sequence[Mapping[PlaneKey, BitMask]]) -> tuple[Truth, ...]:
    return tuple(replace(truth, held=masks) for truth, masks in zip(truths, held, strict=True))


def _reason(truths: Sequence[Truth], *, since: bool) -> str:
    if since:
        return (
            "Nothing is held out, as before: what was learnt cannot judge. That takes two new strokes "
            "of the background and of a class each, or two objects in a plane or region that is "
            f"new, and {LEAST} of them altogether."
        )
    n = sum(len(truth.strokes.sizes) for truth in truths)
    return (
        f"Nothing is held out: {n} stroke{'s' * (n != 1)} or objects are too few. Validation needs "
        f"{LEAST} strokes of the background and of a class, or {LEAST} objects, or {LEAST} regions or "
        "planes, two of them with the background and two with a class."
    )
