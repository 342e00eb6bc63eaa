"""Networks on the way from the parent to the tuned one, and which of them to keep."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, NamedTuple

from napari_unet.core.evaluation.verdict import compare
from napari_unet.core.training.tuning.recipe import FORGOTTEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import Model
    from napari_unet.core.training.validation import ValidationScores

IOU_TOLERANCE = 0.02
"""Smaller differences in IoU are taken for chance: a few held-out strokes can't resolve them. Then the
later network, trained at a lower rate, is preferred, unless it alone is worse than the parent."""

SURE = 1.5
"""Half-widths of the verdict's interval that a gain must exceed: 95 % instead of 80 % confidence. What
is held out comes from the images that were learnt, and gains there are larger than on others."""


class Candidate(NamedTuple):
    """A network that may be kept.

    Attributes
    ----------
    share
        How far it lies on the way from the start to the tuned weights, 0 to 1.
    model
        The network.
    scores
        On the held-out annotations.
    known
        On what the parent knew before; None if nothing is rehearsed.
    """

    share: float
    model: Model
    scores: ValidationScores
    known: ValidationScores | None = None


def forgets(candidate: Candidate, known_before: ValidationScores | None) -> bool:
    """Return whether a network does worse than the parent on what that knew before."""
    if candidate.known is None or known_before is None:
        return False
    return iou_of(candidate.known) < iou_of(known_before) - FORGOTTEN


def nearest(
    candidates: Sequence[Candidate], before: ValidationScores | None, trust: float
) -> Candidate:
    """Return the candidate nearest to the start than which none further away is surely better.

    Parameters
    ----------
    candidates
        One or more, by their share.
    before
        Scores of the parent on the held-out annotations: no network that does worse is returned if
        another does not.
    trust
        How far the parent is trusted, 0 to 1.
    """
    highest = max(iou_of(each.scores) for each in candidates)
    least = 0.0 if before is None else min(highest, iou_of(before))
    kept, *further = (each for each in candidates if iou_of(each.scores) >= least)
    for each in further:
        if _is_worth_it(kept, each, trust):
            kept = each
    return kept


def _is_worth_it(near: Candidate, far: Candidate, trust: float) -> bool:
    """Return whether to go further: the surer it must be, the more the parent is trusted."""
    gain = iou_of(far.scores) - iou_of(near.scores)
    if near.scores.units is None or far.scores.units is None:
        return gain > IOU_TOLERANCE * trust
    if gain <= (IOU_TOLERANCE if near.share else 0.0) * trust:
        return False
    compared = compare(near.scores.units, far.scores.units)
    # surely better is one whose widened interval is above 0; if the parent is trusted by less than a
    # half, a part of it may be below
    middle, half = (compared.high + compared.low) / 2, (compared.high - compared.low) / 2
    return middle > SURE * min(1.0, 2 * trust) * half


def iou_of(scores: ValidationScores) -> float:
    """Return the score; 0 if it is undefined, because nothing held out is foreground."""
    return 0.0 if isnan(scores.score) else scores.score
