"""The verdict on a new network: better than the old one, worse, or can't tell.

Both networks are scored on the same held-out objects, strokes or areas, one by one. A bootstrap over
these (Efron 1979, 10.1214/aos/1176344552) gives the interval in which the mean gain lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.evaluation.unit_scores import UnitScores

    Floats = NDArray[np.float64]

Outcome = Literal["better", "worse", "can't tell"]

MIN_UNITS = 2
"""Nothing is said on fewer held-out objects, strokes or areas."""
RIGHT = 0.5
"""A unit with a higher score is right."""
CONFIDENCE = 0.8
"""Probability with which the gain lies in the interval; with `MIN_GAIN`, at most 5 % of the verdicts in
``benchmarks/verdict.py`` are wrong."""
MIN_GAIN = 0.03
"""A smaller mean gain or loss does not matter."""
RESAMPLES = 4000
NOISE = 0.1
"""Standard deviation of the score of a unit if somebody else had outlined it. It keeps the interval of a
few units that happen to agree from being far too narrow."""
LOSS = 0.7
"""What the score falls by where something that was right is lost: from about 0.8 to about 0.1."""
PRIOR = (0.1, 5.0)
"""Losses and non-losses that are assumed beforehand among what was right already (a Beta prior)."""


@dataclass(frozen=True)
class Comparison:
    """Two networks compared on some units.

    Attributes
    ----------
    outcome
        Whether the new one is better.
    what
        What the units are: ``"object"``, ``"stroke"``, ``"area"`` or ``"part"``.
    n, right_before, right_after
        Held-out units that were corrected or painted anew, and how many each network gets right.
    before, after
        Their mean scores, 0 to 1.
    low, high
        Bounds of the mean gain of all that was annotated, with `CONFIDENCE`.
    corrected
        Whether the annotation is a corrected result; else everything was painted anew.
    n_unchanged, lost
        Held-out units that the person left as the old network had them, and how many of these the new
        one gets wrong.
    """

    outcome: Outcome
    what: str
    n: int
    right_before: int
    right_after: int
    before: float
    after: float
    low: float
    high: float
    corrected: bool = False
    n_unchanged: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Verdict:
    """How a new network compares with the one that it was tuned from.

    Attributes
    ----------
    annotated
        On what was annotated and held out; None if nothing is, or there is nothing to compare with.
    known
        On what the old network knew before; None where no examples of that are at hand.
    """

    annotated: Comparison | None = None
    known: Comparison | None = None

    @property
    def outcome(self) -> Outcome:
        """Both together: what is better in one respect and worse in the other is not decided."""
        outcomes = {c.outcome for c in (self.annotated, self.known) if c is not None}
        if "worse" in outcomes and "better" not in outcomes:
            return "worse"
        annotated = "can't tell" if self.annotated is None else self.annotated.outcome
        return "can't tell" if "worse" in outcomes else annotated


def compare(before: UnitScores, after: UnitScores) -> Comparison:
    """Compare two networks on the same units.

    What was corrected counts by its gain. It was chosen because the old network had erred there, so
    that any other network would seem better; therefore what was left unchanged counts, too: by the
    units that the new network gets wrong, not by its outlines, which are the old network's own. Both
    are weighted by how many there are of them in the annotation.

    Parameters
    ----------
    before, after
        Scores of the old and the new network.
    """
    changed = before.changed
    weights = _weights(before.sizes)
    gains, gain_weights = (after.scores - before.scores)[changed], weights[changed]
    was_right = ~changed & (before.scores > RIGHT)
    losses, loss_weights = after.scores[was_right] <= RIGHT, weights[was_right]
    total = _gain(gains, gain_weights, losses, loss_weights, before)
    low, high = np.quantile(total, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    mean = float(total.mean())
    return Comparison(
        _outcome(low, mean, high, int(changed.sum()), int(was_right.sum())),
        before.what,
        int(changed.sum()),
        int((before.scores[changed] > RIGHT).sum()),
        int((after.scores[changed] > RIGHT).sum()),
        _mean(before.scores[changed], gain_weights),
        _mean(after.scores[changed], gain_weights),
        low,
        high,
        before.total_unchanged > 0,
        int(was_right.sum()),
        int(losses.sum()),
    )


def _outcome(low: float, mean: float, high: float, n_changed: int, n_unchanged: int) -> Outcome:
    if low > 0 and mean >= MIN_GAIN and n_changed >= MIN_UNITS:
        return "better"
    if high < 0 and mean <= -MIN_GAIN and max(n_changed, n_unchanged) >= MIN_UNITS:
        return "worse"
    return "can't tell"


def _weights(sizes: NDArray[np.int64]) -> Floats:
    """Return the weight of each unit: 1, but less for one below half the median size.

    So a speck never outvotes the others.
    """
    if not len(sizes):
        return np.zeros(0)
    return np.minimum(1.0, 2 * sizes / max(float(np.median(sizes)), 1.0))


def _gain(
    gains: Floats,
    weights: Floats,
    losses: NDArray[np.bool_],
    loss_weights: Floats,
    scores: UnitScores,
) -> Floats:
    """Return bootstrap samples of the mean gain over everything that was annotated."""
    rng = np.random.default_rng(0)
    total = scores.total_changed + scores.total_unchanged
    share = scores.total_changed / total if total else 1.0
    gain = _resampled(gains, weights, rng)
    if not scores.total_unchanged:
        return gain
    lost = float(loss_weights[losses].sum())
    kept = float(loss_weights.sum()) - lost
    loss = rng.beta(PRIOR[0] + lost, PRIOR[1] + kept, RESAMPLES)
    return share * gain - (1 - share) * LOSS * loss


def _resampled(values: Floats, weights: Floats, rng: np.random.Generator) -> Floats:
    """Return weighted means of resampled values, each with the noise of its outline."""
    n = len(values)
    if not n:
        return rng.uniform(-1, 1, RESAMPLES)
    drawn = rng.integers(0, n, (RESAMPLES, n))
    noisy = values[drawn] + rng.normal(0, NOISE, drawn.shape)
    return np.asarray((noisy * weights[drawn]).sum(axis=1) / weights[drawn].sum(axis=1))


def _mean(values: Floats, weights: Floats) -> float:
    return float(np.average(values, weights=weights)) if len(values) else float("nan")
