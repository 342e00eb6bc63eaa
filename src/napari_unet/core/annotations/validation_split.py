"""Validation split: a hash of each object's position decides, so it stays stable as annotations grow.

A stroke or object keeps its side whatever else is annotated. So when more is painted and the model is
trained on, hardly anything that was learnt is used for validation later. (Of very few candidates one is
held out in any case, which may be another one later.)
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MIN_CANDIDATES = 4
"""Fewest strokes (of a class), objects, regions or planes of which one is held out."""
HASH_CELL = 16
"""Candidates whose centres lie in one square of so many pixels share a hash, so that corrections of an
outline do not change it."""
HASH_PLANES = 4
"""So many adjacent planes share a hash, as neighbours look alike."""
MAX_PIXEL_FRACTION = 0.5
"""Largest fraction of the pixels that is held out."""
MIN_CHANGED = 3
"""Fewest corrections of a result of which some are held out."""
FRACTION_TOLERANCE = 0.5
"""By how much of itself the fraction of held-out candidates may differ from the one asked for."""


class Candidate(NamedTuple):
    """A stroke, object or area, which can be held out as a whole.

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
    changed
        Whether it was corrected or painted anew; else it is as in the result that was corrected.
    """

    truth: int
    number: int
    size: int
    image: str
    middle: tuple[int, ...]
    changed: bool = True


class Split(NamedTuple):
    """What is held out.

    Attributes
    ----------
    held
        The candidates to hold out; empty if no choice meets the requirements.
    missing
        Classes that several candidates contain, of which none could be held out.
    """

    held: list[Candidate]
    missing: set[int]


def split_hash(candidate: Candidate, seed: int) -> float:
    """Return a number from 0 to 1 that depends on a candidate's position, and on the seed."""
    *planes, y, x = candidate.middle
    cell = ([plane // HASH_PLANES for plane in planes], y // HASH_CELL, x // HASH_CELL)
    digest = hashlib.blake2b(repr((seed, candidate.image, cell)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def split_candidates(
    candidates: Sequence[Candidate],
    fraction: float,
    seed: int,
    classes: Sequence[Iterable[int]] | None = None,
    *,
    least: int = 1,
    pixels: int | None = None,
) -> Split:
    """Hold out about a fraction of some candidates.

    Parameters
    ----------
    candidates
        What can be held out.
    fraction
        Fraction to hold out, 0 to 1; it is met within `FRACTION_TOLERANCE`, and with at most
        `MAX_PIXEL_FRACTION` of the pixels.
    seed
        Seed of the hashes.
    classes
        The classes in each candidate: all of them must remain for training, and those in several
        candidates must be held out, too. None: classes do not matter.
    least
        Hold out at least so many, whatever the fraction; unless that is 0, when nothing is held out.
    pixels
        The pixels of which at most `MAX_PIXEL_FRACTION` are held out; None: those of the candidates.
    """
    wanted = fraction * len(candidates)
    if wanted <= 0:
        return Split([], set())
    fewest = max(least, round(wanted * (1 - FRACTION_TOLERANCE)))
    most = max(least, round(wanted * (1 + FRACTION_TOLERANCE)))
    contents = [frozenset(c) for c in classes] if classes else [frozenset()] * len(candidates)
    remaining = Counter(c for content in contents for c in content)
    missing = {c for c, n in remaining.items() if n > 1}
    hashes = [split_hash(candidate, seed) for candidate in candidates]
    if pixels is None:
        pixels = sum(candidate.size for candidate in candidates)
    pixels_left = MAX_PIXEL_FRACTION * pixels
    held: list[Candidate] = []
    for i in sorted(range(len(candidates)), key=lambda i: (hashes[i], candidates[i].middle)):
        enough = len(held) >= (fewest if hashes[i] >= fraction else most)
        if enough and not missing:
            break
        useful = not enough or missing & contents[i]
        spared = all(remaining[c] > 1 for c in contents[i])
        if useful and spared and candidates[i].size <= pixels_left:
            held.append(candidates[i])
            pixels_left -= candidates[i].size
            remaining.subtract(contents[i])
            missing -= contents[i]
    return Split([] if missing else held, missing)
