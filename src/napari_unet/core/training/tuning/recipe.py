"""How carefully a trained network is tuned: the constants, and why they are what they are.

They were chosen with `benchmarks/finetune.py --stability --half development`, and are judged by
`--half judging`. What they balance: a network that is right already must stay right on images that
nobody annotated, and one that knows nothing must be free to learn.
"""

from __future__ import annotations

TRUST = (0.3, 0.8)
"""Scores of the parent on the annotations from which it is trusted a little, and from which it is
trusted fully. Bacteria, of which a network for nuclei knows nothing, score below 0.1, random
networks below 0.2, nuclei that it knows well 0.8 and more."""

CAREFUL_RATE = 0.1
"""Learning rate, as a fraction of that asked for, where the parent is trusted fully. AdamW's steps are
as long for small gradients as for large ones: at the full rate a network that has hardly anything to
learn is moved as far as one that has."""

OPINION = 10.0
"""Weight of the parent's opinion where nothing is annotated, beside the loss where something is. A
stroke in the middle of a cell says nothing of its outline, but moves it; outlines are few pixels."""

LEAST_UNLABELLED = 0.05
"""Fraction of a batch that must be unlabelled for the parent to be asked, which takes a third as long
as learning. Of an image annotated in full, only what augmentation shows beyond it is unlabelled."""

DOUBT_RADIUS = 16
"""Pixels around a stroke that contradicts the parent in which its opinion does not count; as far again
it counts ever more. About an object's radius: what was struck out or missed is so as a whole."""

SHARES = (0.1, 0.3, 1.0)
"""Shares of the way from the parent's weights to the tuned ones at which networks are validated, as in
Wortsman et al. 2022 (arXiv:2109.01903). None is kept that is further than another, or than the
parent itself, and not surely better: what is held out comes from the images that were learnt, is
little, and can't tell what is lost on others. A long training goes far: a tenth of its way may be as
long as half of a short one's."""

UNJUDGED_SHARE = 0.1
"""The share where nothing is held out and the parent is trusted fully; 1 where it is not trusted."""

REHEARSED = 2
"""Patches of what the network knew before that each step learns along, as small as they come."""

FORGOTTEN = 0.01
"""By how much a network may do worse than its parent on what that knew before, and still be kept."""

TRUST_PIXELS = 1 << 20
"""Annotated pixels by which the trust is measured, about: it takes one inference."""


def trust_of(score: float) -> float:
    """Return how far a parent with this score is trusted, 0 to 1."""
    low, high = TRUST
    return min(max((score - low) / (high - low), 0.0), 1.0)


def careful_rate(trust: float) -> float:
    """Return the learning rate as a fraction of that asked for."""
    return 1 - (1 - CAREFUL_RATE) * trust


def unjudged_share(trust: float) -> float:
    """Return the share of the way to the tuned weights to go where nothing is held out."""
    return 1 - (1 - UNJUDGED_SHARE) * trust
