"""Which paint is kept from training, so that the network can be judged on it.

Whole strokes and whole objects, never pixels of one on both sides; of dense classes, whole regions or
planes where there are several.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import edt
import numpy as np

from napari_unet.core.bitmask import BitMask
from napari_unet.core.progress import Job, Progress
from napari_unet.core.strokes import plane_pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations import PlaneKey, Truth

LEAST = 4
"""Fewest strokes (of a class), objects, regions or planes of which one is held out."""
MOST = 0.5
"""Largest share of the pixels of a class that is held out."""


@dataclass(frozen=True, eq=False)
class HoldOut:
    """Annotations of which a part is held out.

    Attributes
    ----------
    truths
        The annotations; :meth:`Truth.training` and :meth:`Truth.validation` tell the parts apart.
    taken
        What is held out, such as ``"3 of 14 strokes"``; empty if nothing is.
    reason
        Why nothing is held out; empty if something is.
    """

    truths: tuple[Truth, ...]
    taken: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"Held out: {', '.join(self.taken)}." if self.taken else self.reason


class _Thing(NamedTuple):
    """A stroke or an object: the number of its annotation, its own there, its pixels."""

    truth: int
    stroke: int
    size: int


class _Area(NamedTuple):
    """A region or plane: the number of its annotation, and its pixels."""

    truth: int
    planes: Mapping[PlaneKey, BitMask]


class _Chosen(NamedTuple):
    strokes: list[set[int]]
    areas: list[_Area]
    taken: list[str]


def hold_out(
    truths: Sequence[Truth],
    *,
    fraction: float = 0.2,
    seed: int = 0,
    earlier: Sequence[Truth] = (),
) -> Job[HoldOut]:
    """Choose what to hold out.

    Scribbles: of each class with at least :data:`LEAST` strokes a share of the strokes, if there are
    two such classes. Objects: a share of them, with the background nearest to each. Classes: a share of
    the regions, or without regions of the planes (those next to one another), if there are enough;
    else like objects, their connected parts.

    Parameters
    ----------
    truths
        The annotations.
    fraction
        Share of the strokes, objects or areas, 0 to 1; of no class more than half of the pixels.
    seed
        Of the choice.
    earlier
        The same annotations before more was painted, with what was held out of them, in the same
        order. What was held out stays so, with what has grown onto it, and nothing else is.

    Yields
    ------
    Progress
        After each plane.
    """
    if any(truth.held for truth in earlier):
        return (yield from _hold_again(truths, earlier))
    chosen = _choose(truths, fraction, np.random.default_rng(seed))
    if not chosen.taken:
        return HoldOut(tuple(truths), (), _reason(truths))
    held = yield from _masks(truths, chosen.strokes)
    for area in chosen.areas:
        for key, mask in area.planes.items():
            held[area.truth][key] = BitMask.union([held[area.truth].get(key, BitMask.none()), mask])
    return HoldOut(_with(truths, held), tuple(chosen.taken), "")


def _choose(truths: Sequence[Truth], fraction: float, rng: np.random.Generator) -> _Chosen:
    chosen = _Chosen([set() for _ in truths], [], [])
    for kind in ("scribbles", "objects", "classes"):
        numbers = [i for i, truth in enumerate(truths) if truth.annotation.kind == kind]
        areas = _areas(truths, numbers) if kind == "classes" else []
        if len(areas) >= LEAST:
            _choose_areas(areas, fraction, rng, chosen)
            continue
        pools = _pools(truths, numbers)
        drawn = [_draw(pool, fraction, rng) for pool in pools]
        if kind == "scribbles" and sum(map(bool, drawn)) < 2:
            continue
        for thing in (thing for things in drawn for thing in things):
            chosen.strokes[thing.truth].add(thing.stroke)
        if n := sum(map(len, drawn)):
            name = "objects" if kind == "objects" else "strokes"
            chosen.taken.append(f"{n} of {sum(map(len, pools))} {name}")
    return chosen


def _pools(truths: Sequence[Truth], numbers: Sequence[int]) -> list[list[_Thing]]:
    """Strokes by class; all objects together."""
    pools: dict[int, list[_Thing]] = defaultdict(list)
    for i in numbers:
        strokes = truths[i].strokes
        for stroke, (value, size) in enumerate(zip(strokes.values, strokes.sizes, strict=True)):
            pools[0 if truths[i].objects else int(value)].append(_Thing(i, stroke, int(size)))
    return [pools[value] for value in sorted(pools)]


def _draw(pool: Sequence[_Thing], fraction: float, rng: np.random.Generator) -> list[_Thing]:
    if len(pool) < LEAST or fraction <= 0:
        return []
    wanted = max(1, round(fraction * len(pool)))
    room = MOST * sum(thing.size for thing in pool)
    drawn: list[_Thing] = []
    for i in rng.permutation(len(pool)):
        if len(drawn) < wanted and pool[i].size <= room:
            drawn.append(pool[i])
            room -= pool[i].size
    return drawn


def _areas(truths: Sequence[Truth], numbers: Sequence[int]) -> list[_Area]:
    """Regions, and planes of annotations without any."""
    found: list[_Area] = []
    for i in numbers:
        annotation, applies = truths[i].annotation, truths[i].applies
        if not annotation.regions:
            found += [_Area(i, {key: mask}) for key, mask in applies.items()]
        for region in annotation.regions:
            mask = region.mask(annotation.plane_shape)
            keys = [key for key in applies if region.covers(annotation.plane(key).index)]
            found.append(_Area(i, dict.fromkeys(keys, mask)))
    return found


def _choose_areas(
    areas: Sequence[_Area], fraction: float, rng: np.random.Generator, chosen: _Chosen
) -> None:
    # neighbours, so that few of them have a plane that looks alike in training
    n = min(max(1, round(fraction * len(areas))), int(MOST * len(areas))) if fraction > 0 else 0
    first = int(rng.integers(len(areas) - n + 1))
    chosen.areas.extend(areas[first : first + n])
    if n:
        chosen.taken.append(f"{n} of {len(areas)} regions or planes")


def _masks(
    truths: Sequence[Truth], strokes: Sequence[set[int]]
) -> Job[list[dict[PlaneKey, BitMask]]]:
    """Return where some strokes or objects and the background nearest to them lie."""
    found: list[dict[PlaneKey, BitMask]] = []
    total = sum(
        len(truth.strokes.pieces) for truth, wanted in zip(truths, strokes, strict=True) if wanted
    )
    done = 0
    for truth, wanted in zip(truths, strokes, strict=True):
        found.append({})
        # one more, for what is no piece and has number -1
        flags = np.zeros(len(truth.strokes.sizes) + 1, dtype=bool)
        flags[list(wanted)] = True
        for key, numbers in truth.strokes.pieces.items() if wanted else ():
            if flags[numbers].any():
                found[-1][key] = _mask(truth, key, flags[numbers])
            done += 1
            yield Progress(done, total, "Setting paint aside for validation")
    return found


def _mask(truth: Truth, key: PlaneKey, wanted: NDArray[np.bool_]) -> BitMask:
    """Return where the wanted pieces of a plane lie, with the background nearest to them."""
    numbered, inside = plane_pieces(truth, key)
    mask = wanted[numbered]
    if truth.annotation.kind != "scribbles":
        others = (numbered > 0) & ~mask
        nearer = edt.edt(~mask) < edt.edt(~others)
        mask |= inside & (numbered == 0) & nearer
    return BitMask.of(mask)


def _hold_again(truths: Sequence[Truth], earlier: Sequence[Truth]) -> Job[HoldOut]:
    """Hold out what was held out, and the strokes and objects that have a pixel in it."""
    grown: list[set[int]] = [set() for _ in truths]
    for i, (truth, before) in enumerate(zip(truths, earlier, strict=False)):
        # parts of dense classes hang together across everything
        for key, mask in before.held.items() if truth.annotation.kind != "classes" else ():
            if key in truth.strokes.pieces:
                numbered, _ = plane_pieces(truth, key)
                touched = np.unique(numbered[mask.window(*truth.annotation.whole(key)[1])])
                grown[i].update(truth.strokes.pieces[key][touched].tolist())
        grown[i].discard(-1)
    held = yield from _masks(truths, grown)
    for now, before in zip(held, earlier, strict=False):
        for key, mask in before.held.items():
            now[key] = BitMask.union([now.get(key, BitMask.none()), mask])
    return HoldOut(_with(truths, held), ("the same as before",), "")


def _with(truths: Sequence[Truth], held: Sequence[Mapping[PlaneKey, BitMask]]) -> tuple[Truth, ...]:
    return tuple(replace(truth, held=masks) for truth, masks in zip(truths, held, strict=True))


def _reason(truths: Sequence[Truth]) -> str:
    n = sum(len(truth.strokes.sizes) for truth in truths)
    return (
        f"Nothing is held out: {n} stroke{'s' * (n != 1)} or objects are too few. Validation needs "
        f"{LEAST} strokes of the background and of a class, or {LEAST} objects, regions or planes."
    )
