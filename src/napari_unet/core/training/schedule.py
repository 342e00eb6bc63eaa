"""The learning rate over a training, and when to look how good it has become."""

from __future__ import annotations

from math import ceil, cos, pi

LAST = 0.01
"""Share of the highest rate that is left at the end."""
WARM = 0.05
"""Share of the steps in which the rate rises."""
CHECKS = 20
"""Checks in a training, at least where steps are few."""
SHARE = 8
"""Training takes this many times as long as judging, at least."""


def rate_factor(step: int, first: int, total: int) -> float:
    """Return the share of the highest learning rate: warm-up, then cosine.

    Parameters
    ----------
    step
        Number of the step, from 0.
    first, total
        The step at which this cycle began, and the number at which it ends.
    """
    length = max(total - first, 1)
    warm = max(1, min(50, round(WARM * length)))
    here = step - first
    if here < warm:
        return (here + 1) / warm
    through = min((here - warm) / max(length - warm, 1), 1.0)
    return LAST + (1 - LAST) * (1 + cos(pi * through)) / 2


def check_interval(steps: int, step_pixels: int, validation_pixels: int) -> int:
    """Return the number of steps between two checks.

    Counted in pixels, not in seconds, so that it is the same on every run.

    Parameters
    ----------
    steps
        Steps of the training, as far as known.
    step_pixels, validation_pixels
        Pixels in a step, which pass the network forwards and backwards, and in a judgement.
    """
    often = min(max(5, steps // CHECKS), 50)
    cheap = ceil(SHARE * validation_pixels / (3 * step_pixels))
    # four at least, however dear: without any, nothing is kept and no new paint taken up
    return max(often, min(cheap, max(steps // 4, 1)))
