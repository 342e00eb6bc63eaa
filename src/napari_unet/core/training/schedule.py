"""The learning rate over a training, and when the network is validated."""

from __future__ import annotations

from math import ceil, cos, pi

FINAL_RATE = 0.01
"""Learning rate at the end, as a fraction of the highest one."""
WARM_UP = 0.05
"""Fraction of the steps in which the learning rate rises."""
FROZEN_STATISTICS = 0.3
"""Fraction of a training from scratch, its last, in which batch norms keep their statistics, so that the
weights settle on those that segmentation uses."""
VALIDATIONS = 20
"""Validations in a training, if they are cheap."""
TRAINING_TO_VALIDATION = 8
"""Training takes at least this many times as long as validating."""


def rate_factor(step: int, first: int, total: int) -> float:
    """Return the learning rate as a fraction of the highest one: warm-up, then cosine.

    Parameters
    ----------
    step
        Number of the step, from 0.
    first, total
        The steps at which this cycle began and will end.
    """
    length = max(total - first, 1)
    warm_up = max(1, min(50, round(WARM_UP * length)))
    done = step - first
    if done < warm_up:
        return (done + 1) / warm_up
    fraction = min((done - warm_up) / max(length - warm_up, 1), 1.0)
    return FINAL_RATE + (1 - FINAL_RATE) * (1 + cos(pi * fraction)) / 2


def statistics_are_frozen(step: int, first: int, total: int) -> bool:
    """Return whether batch norms keep their statistics in a step; arguments as for `rate_factor`."""
    return step >= total - FROZEN_STATISTICS * (total - first)


def validation_interval(steps: int, step_pixels: int, validation_pixels: int) -> int:
    """Return the number of steps between two validations.

    It depends on pixels, not on seconds, so that it is the same on every run.

    Parameters
    ----------
    steps
        Steps of the training, as far as known.
    step_pixels, validation_pixels
        Pixels in a step, which pass the network forwards and backwards, and in a validation.
    """
    frequent = min(max(5, steps // VALIDATIONS), 50)
    cheap = ceil(TRAINING_TO_VALIDATION * validation_pixels / (3 * step_pixels))
    # at least four, however slow: only then is a network kept and are new annotations learnt
    return max(frequent, min(cheap, max(steps // 4, 1)))
