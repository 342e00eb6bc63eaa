"""Time limits of a training: how many steps fit in, and when to save the state."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.status import TrainingStatus

MAX_SAVING_FRACTION = 0.1
"""Largest fraction of the time that may go into saving."""
RECENT_SAVES = 3
"""Saves from which the time that one takes is estimated."""
SAVE_EARLY = 0.75
"""Fraction of the interval after which the state is saved: the rest allows for surprises such as a busy
disk, or Python's garbage collection, which can stop everything for a fifth of a second."""
STEPS_TOLERANCE = 0.02
"""By how much the number of steps may be off, as a fraction of those left, before it is adjusted: each
adjustment is recorded, so that the training can be repeated."""


class TrainingClock:
    """Counts time and steps from its creation on.

    Parameters
    ----------
    status
        Status of the training, whose time and number of steps it keeps up to date.
    options
        How long to train, and how often to save.
    """

    def __init__(self, status: TrainingStatus, options: TrainingOptions) -> None:
        self._status = status
        self._options = options
        self._schedule = dict(options.pace or ())
        self._seconds_before = status.seconds
        self._saved_at = time.monotonic()
        # the beginning, and the end of each step
        self._times = [self._saved_at]
        # of the longest step since the last save, and of that save
        self._step_seconds = self._save_seconds = 0.0
        self._recent_saves: deque[float] = deque(maxlen=RECENT_SAVES)

    def count(self) -> None:
        """Count the step just taken, and adjust the number of steps to the time that is left."""
        status, now = self._status, time.monotonic()
        self._step_seconds = max(self._step_seconds, now - self._times[-1])
        self._times.append(now)
        status.seconds = self._seconds_before + now - self._times[0]
        total = self._steps_that_fit()
        if total != status.total:
            status.total = total
            status.pace.append((status.step, total))

    def _steps_that_fit(self) -> int:
        """Return how many steps the training should have, judging by its speed so far."""
        status, options = self._status, self._options
        if options.pace:
            return self._schedule.get(status.step, status.total)
        if options.minutes is None:
            return status.total
        left = max(options.minutes * 60 - (status.seconds - status.began), 0)
        if left and len(self._times) <= 2:
            # the first step says nothing about the others
            return status.total
        fitting = status.step + math.ceil(left * self.speed)
        fitting = min(status.first + options.steps, fitting)
        close = abs(fitting - status.total) <= STEPS_TOLERANCE * (fitting - status.step)
        return status.total if close else fitting

    @property
    def speed(self) -> float:
        """Steps a second over the later half: the first steps also compute statistics of the images."""
        steps = len(self._times) - 1
        half = steps // 2
        return (steps - half) / max(self._times[-1] - self._times[half], 1e-9)

    def time_to_save(self, ahead: float = 0.0) -> bool:
        """Return whether to save the state now, so that a crash never loses more than the interval.

        A crash loses the time since the last saved step, and the next chance to save comes only after
        another step and the writing.

        Parameters
        ----------
        ahead
            Seconds of what else comes before that chance, such as a validation.
        """
        pause = SAVE_EARLY * self._options.save_every
        if len(self._recent_saves) == RECENT_SAVES:
            # the fastest, since a single one may be slow by chance
            pause = max(pause, min(self._recent_saves) / MAX_SAVING_FRACTION)
        waiting = time.monotonic() - self._saved_at
        return waiting + self._step_seconds + ahead + self._save_seconds >= pause

    def saved(self, seconds: float) -> None:
        """Note that the state was saved, and how long that took."""
        self._recent_saves.append(seconds)
        self._saved_at, self._step_seconds, self._save_seconds = self._times[-1], 0.0, seconds
