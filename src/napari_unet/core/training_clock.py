"""The time that a training takes, and how many steps fit into it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.training_options import TrainingOptions
    from napari_unet.core.training_state import TrainingStatus

SAVING = 0.1
"""Largest share of the time that goes into saving."""
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
        self._first, self._seconds = status.step, status.seconds
        self._began = self._counted = self._kept = time.monotonic()
        self._step = self._saving = 0.0

    def count(self) -> None:
        """Count the step just taken, and fit the number of steps to the time that is left."""
        status, now = self._status, time.monotonic()
        self._step = max(self._step, now - self._counted)
        self._counted, spent = now, now - self._began
        status.seconds = self._seconds + spent
        total = self._fitting(spent)
        if total != status.total:
            status.total = total
            status.pace.append((status.step, total))

    def _fitting(self, spent: float) -> int:
        """Return how many steps there are to be, as it seems now."""
        status, options = self._status, self._options
        if options.pace:
            return self._told.get(status.step, status.total)
        if options.minutes is None:
            return status.total
        left = max(options.minutes * 60 - status.seconds, 0)
        fitting = status.step + math.ceil(left * (status.step - self._first) / spent)
        fitting = min(status.first + options.steps, fitting)
        near = abs(fitting - status.total) <= LEEWAY * (fitting - status.step)
        return status.total if near else fitting

    @property
    def speed(self) -> float:
        """Steps a second."""
        return (self._status.step - self._first) / max(time.monotonic() - self._began, 1e-9)

    @property
    def time_to_save(self) -> bool:
        """Whether the state must be saved now, for no more to be lost at any time than the interval.

        What a kill takes is the time since the step that was saved last, and the next save comes a step
        and the writing later.
        """
        pause = max(self._options.save_every, self._saving / SAVING)
        return time.monotonic() - self._kept + self._step + self._saving >= pause

    def saved(self, seconds: float) -> None:
        """Take note of a save that took so long; it is not to take up much of the time."""
        self._kept, self._step, self._saving = self._counted, 0.0, seconds
