"""Lots: which of many things are set aside, decided by where each lies.

A thing keeps its lot whatever else there is. So paint that was learnt hardly ever judges what has learnt
it, when more is painted and trained on; of very few things, one is drawn anyway, which may be another.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


def lot(thing: Thing, seed: int) -> float:
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
        Share to set aside, 0 to 1; :data:`LEEWAY` says how exactly, :data:`MOST` of how many pixels.
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
    lots = [lot(thing, seed) for thing in things]
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
