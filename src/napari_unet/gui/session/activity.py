"""A job's progress in napari's activity dock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari.utils import progress
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_unet.core.progress import Progress
    from napari_unet.gui.session.jobs import Jobs

ENTRY_DELAY_MS = 100
"""Time from the start of a job to its entry. napari needs some 60 ms to make an entry, and more for the
layer that many jobs start with."""
UPDATE_PAUSE_S = 0.25
"""Shortest time between two updates: at each, napari processes all waiting events."""


class Activity(QObject):
    """Keeps an entry in the activity dock while a job is running."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(jobs)
        self._entry: progress | None = None
        self._next_update = 0.0
        self._title = ""
        self._entry_timer = QTimer(self)
        self._entry_timer.setSingleShot(True)
        self._entry_timer.setInterval(ENTRY_DELAY_MS)
        self._entry_timer.timeout.connect(self._enter)
        jobs.started.connect(self._begin)
        jobs.resumed.connect(self._begin)
        jobs.progressed.connect(self._advance)
        jobs.ended.connect(self._end)
        jobs.abandoned.connect(self._entry_timer.stop)

    def _begin(self, title: str) -> None:
        self._end(None)
        self._title = title
        self._entry_timer.start()

    def _enter(self) -> None:
        # gui=True keeps tqdm, on which napari's progress is built, from writing to the terminal
        self._entry = progress(total=100, desc=self._title, gui=True)

    def _advance(self, step: Progress) -> None:
        now = time.monotonic()
        if self._entry is not None and now >= self._next_update:
            self._next_update = now + UPDATE_PAUSE_S
            self._entry.update(round(100 * step.fraction) - self._entry.n)

    def _end(self, _: object) -> None:
        self._entry_timer.stop()
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.close()
