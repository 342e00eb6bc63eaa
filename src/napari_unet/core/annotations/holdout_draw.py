"""Lots: which of many things are set aside, decided by where each lies.

A thing keeps its lot whatever else there is. So paint that was learnt hardly ever judges what has learnt
it, when more is painted and trained on; of very few things, one is drawn anyway, which may be another.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_unet.core.annotations.annotation import PlaneKey, Truth
    from napari_unet.core.annotations.bitmask import BitMask

    Held = Sequence[Mapping[PlaneKey, BitMask]]

CELL = 16
"""Things whose centres lie in one square of so many pixels share a lot: it outlives a correction."""
DEPTH = 4
"""Planes in a row that share a lot, since neighbours look alike."""
MOST = 0.5
"""Largest share of the pixels that is set aside."""
LEEWAY = 0.5
"""By how much of itself the share of things that is set aside may differ from what was asked for."""


class Thing(NamedTuple):
    """Something that is set aside as a whole.

    Attributes
    ----------
    truth
        The number of its annotation.
    number
        Its own number there.
    size
        Its pixels.
    image
        The image's name.
    middle
        The key of its plane, and the y and x of its centre.
    """

    truth: int
    number: int
    size: int
    image: str
    middle: tuple[int, ...]


class Drawn(NamedTuple):
    """What was drawn.

    Attributes
    ----------
    things
        Set aside; empty when there is no such choice.
    missing
        What several things hold, of which none could be set aside.
    """

    things: list[Thing]
    missing: set[int]


def split_hash(thing: Thing, seed: int) -> float:
    """Return a number from 0 to 1 that depends on where a thing lies, and on the seed."""
    *planes, y, x = thing.middle
    cell = ([plane // DEPTH for plane in planes], y // CELL, x // CELL)
    digest = hashlib.blake2b(repr((seed, thing.image, cell)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def draw(
    things: Sequence[Thing],
    fraction: float,
    seed: int,
    classes: Sequence[Iterable[int]] | None = None,
) -> Drawn:
    """Set about a share of some things aside.

    Parameters
    ----------
    things
        Of which to draw.
    fraction
        Share to set aside, 0 to 1; `LEEWAY` says how exactly, `MOST` of how many pixels.
    seed
        Of the lots.
    classes
        What each thing holds: all of that must remain, and what several hold be set aside too. None: no
        matter.

    Returns
    -------
    Drawn
        What is set aside.
    """
    wanted = fraction * len(things)
    if wanted <= 0:
        return Drawn([], set())
    least, most = max(1, round(wanted * (1 - LEEWAY))), max(1, round(wanted * (1 + LEEWAY)))
    holds = [frozenset(each) for each in classes] if classes else [frozenset()] * len(things)
    remaining = Counter(c for each in holds for c in each)
    missing = {c for c, n in remaining.items() if n > 1}
    lots = [split_hash(thing, seed) for thing in things]
    room = MOST * sum(thing.size for thing in things)
    aside: list[Thing] = []
    for i in sorted(range(len(things)), key=lambda i: (lots[i], things[i].middle)):
        enough = len(aside) >= (least if lots[i] >= fraction else most)
        if enough and not missing:
            break
        wanted_still = not enough or missing & holds[i]
        spared = all(remaining[c] > 1 for c in holds[i])
        if wanted_still and spared and things[i].size <= room:
            aside.append(things[i])
            room -= things[i].size
            remaining.subtract(holds[i])
            missing -= holds[i]
    return Drawn([] if missing else aside, missing)


LEAST = 4
"""Fewest strokes (of a class), objects, regions or planes of which one is held out."""


class Area(NamedTuple):
    """A region or plane of dense classes.

    Attributes
    ----------
    thing
        What is drawn by lot.
    planes
        Its pixels.
    classes
        What was painted there.
    """

    thing: Thing
    planes: Mapping[PlaneKey, BitMask]
    classes: set[int]


def areas_of(truths: Sequence[Truth], numbers: Sequence[int]) -> Job[list[Area]]:
    """Regions, and planes of annotations without any."""
    found: list[Area] = []
    for i in numbers:
        annotation, applies = truths[i].annotation, truths[i].applies
        places: list[dict[PlaneKey, BitMask]] = []
        for region in annotation.regions:
            keys = [key for key in applies if region.covers(annotation.plane(key).index)]
            places.append(dict.fromkeys(keys, region.mask(annotation.plane_shape)))
        if not places:
            places = [{key: mask} for key, mask in applies.items()]
        for place in filter(None, places):
            pixels: Counter[int] = Counter()
            for key, mask in place.items():
                pixels.update(class_counts(truths[i], key, mask))
                yield Progress(len(found), len(found) + 1, "Setting paint aside for validation")
            key, mask = next(iter(place.items()))
            middle = (*key, *((s.start + s.stop) // 2 for s in mask.box))
            thing = Thing(i, len(found), pixels.total(), annotation.image.name, middle)
            found.append(Area(thing, place, set(pixels)))
    return found


def draw_areas(areas: Sequence[Area], fraction: float, seed: int) -> tuple[list[Area], str]:
    """Draw areas; if there is no choice, say which class stands in the way."""
    counts = Counter(c for area in areas for c in area.classes)
    alone = {c for c, n in counts.items() if n == 1}
    # a class may be left unjudged; not the background, nor all others
    if 0 in alone or (alone and alone >= counts.keys() - {0}):
        return [], (
            f"Nothing is held out: {number_word(min(alone))} was painted in one region or plane only. "
            "Validation needs the background and a class in two of them each."
        )
    drawn = draw([a.thing for a in areas], fraction, seed, [a.classes for a in areas])
    if drawn.missing:
        return [], (
            f"Nothing is held out: {number_word(min(drawn.missing))} lies only in regions or planes "
            "that are needed to learn from. Annotate more of them with it."
        )
    wanted = set(drawn.things)
    return [area for area in areas if area.thing in wanted], ""


def number_word(number: int) -> str:
    """Return what messages call a class."""
    return f"class {number}" if number else "the background"


def class_counts(truth: Truth, key: PlaneKey, mask: BitMask) -> dict[int, int]:
    """Count the pixels of each class in a part of a plane."""
    frame, _ = truth.annotation.whole(key)
    labels = truth.labels(frame, mask.box)[mask.window(*mask.box)]
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
