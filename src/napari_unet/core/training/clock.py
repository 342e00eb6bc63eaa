"""The time that a training takes, and how many steps fit into it."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.state import TrainingStatus

SAVING = 0.1
"""Largest share of the time that goes into saving."""
SAVINGS = 3
"""Saves that tell together what saving takes."""
TIMELY = 0.75
"""Share of the interval after which the state is saved: the rest is for what nobody foresees, such as a
disk that is busy, or Python's collecting of memory, which stops everything for a fifth of a second."""
LEEWAY = 0.02
"""How far off the number of steps may be, as a share of those left, before it is fitted anew: each time
is kept on record, so that the training can be repeated."""


class TrainingClock:
    """Counts time and steps from now on.

    Parameters
    ----------
    status
        The training's, which it keeps up to date.
    options
        How long to train, and how often to save.
    """

    def __init__(self, status: TrainingStatus, options: TrainingOptions) -> None:
        self._status = status
        self._options = options
        self._told = dict(options.pace or ())
        self._seconds = status.seconds
        self._kept = time.monotonic()
        # when it began, and when each step was done
        self._times = [self._kept]
        self._step = self._saving = 0.0
        # seconds of each of the last saves
        self._savings: deque[float] = deque(maxlen=SAVINGS)

    def count(self) -> None:
        """Count the step just taken, and fit the number of steps to the time that is left."""
        status, now = self._status, time.monotonic()
        self._step = max(self._step, now - self._times[-1])
        self._times.append(now)
        status.seconds = self._seconds + now - self._times[0]
        total = self._fitting()
        if total != status.total:
            status.total = total
            status.pace.append((status.step, total))

    def _fitting(self) -> int:
        """Return how many steps there are to be, as it seems now."""
        status, options = self._status, self._options
        if options.pace:
            return self._told.get(status.step, status.total)
        if options.minutes is None:
            return status.total
        left = max(options.minutes * 60 - (status.seconds - status.began), 0)
        if left and len(self._times) <= 2:
            # the first step says nothing about the others
            return status.total
        fitting = status.step + math.ceil(left * self.speed)
        fitting = min(status.first + options.steps, fitting)
        near = abs(fitting - status.total) <= LEEWAY * (fitting - status.step)
        return status.total if near else fitting

    @property
    def speed(self) -> float:
        """Steps a second, over the later half of them: the first ones also measure the images."""
        taken = len(self._times) - 1
        half = taken // 2
        return (taken - half) / max(self._times[-1] - self._times[half], 1e-9)

    def time_to_save(self, ahead: float = 0.0) -> bool:
        """Whether the state must be saved now, for no more to be lost at any time than the interval.

        What a kill takes is the time since the step that was saved last, and the next save comes a step
        and the writing later.

        Parameters
        ----------
        ahead
            Seconds of what else comes before it, such as a check.
        """
        pause = TIMELY * self._options.save_every
        if len(self._savings) == SAVINGS:
            # one that was slow by chance says nothing: this is what every one of the last took
            pause = max(pause, min(self._savings) / SAVING)
        return time.monotonic() - self._kept + self._step + ahead + self._saving >= pause

    def saved(self, seconds: float) -> None:
        """Take note of a save that took so long; it is not to take up much of the time."""
        self._savings.append(seconds)
        self._kept, self._step, self._saving = self._times[-1], 0.0, seconds
