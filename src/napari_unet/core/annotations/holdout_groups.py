"""Groups of strokes and objects that are held out in the same proportion, and how many of each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from napari_unet.core.annotations.validation_split import (
    MIN_CANDIDATES,
    MIN_CHANGED,
    Candidate,
    split_candidates,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_unet.core.annotations.annotation import Truth

ENOUGH_OBJECTS, ENOUGH_STROKES = 5, 3
"""So many objects, or strokes of a class, are held out even if the fraction is less, up to half of them:
with fewer, chance decides how two networks compare."""
ENOUGH_CORRECTED, ENOUGH_UNCHANGED = 10, 40
"""Likewise, of what was corrected in a result, and of what was left as it is: the one shows whether the
new network is better, the other whether it is worse where the old one was right."""


def stroke_groups(truths: Sequence[Truth], numbers: Sequence[int]) -> list[list[Candidate]]:
    """Return the strokes of some annotations by class, and all objects together."""
    groups: dict[int, list[Candidate]] = defaultdict(list)
    for i in numbers:
        name, first = truths[i].annotation.image.name, 0
        for strokes in (truths[i].strokes, truths[i].removed):
            values, sizes = strokes.values.tolist(), strokes.sizes.tolist()
            each = zip(values, sizes, strokes.middles, strokes.changed.tolist(), strict=True)
            for number, (value, size, middle, changed) in enumerate(each, first):
                group = groups[0 if truths[i].objects else value]
                group.append(Candidate(i, number, size, name, middle, changed))
            first = len(strokes.sizes)
    return [groups[value] for value in sorted(groups)]


def split_group(
    group: list[Candidate],
    since: Sequence[Collection[int]] | None,
    fraction: float,
    seed: int,
    enough: int,
) -> list[Candidate]:
    """Return what to hold out of a group, or of its members that are new since an earlier training."""
    if len(group) < MIN_CANDIDATES:
        return []
    if since is not None:
        new = [c for c in group if c.number in since[c.truth]]
        return split_candidates(new, fraction, seed).held
    changed = [c for c in group if c.changed]
    rest = [c for c in group if not c.changed]
    pixels = sum(c.size for c in group)
    least = min(enough, len(changed) // 2)
    if rest:
        least = min(ENOUGH_CORRECTED, (len(changed) + 1) // 2)
    held = []
    if len(changed) >= MIN_CHANGED:
        held += split_candidates(changed, fraction, seed, least=least, pixels=pixels).held
    if len(rest) >= MIN_CANDIDATES:
        least = min(ENOUGH_UNCHANGED, len(rest) // 2)
        held += split_candidates(rest, fraction, seed, least=least).held
    return held
