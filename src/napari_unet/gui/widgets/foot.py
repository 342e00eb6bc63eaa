"""The foot of a panel, which stays in its place: a message, progress and *Cancel*, and main buttons."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_unet.gui.widgets.fields import button
from napari_unet.gui.widgets.message import Message

if TYPE_CHECKING:
    from napari_unet.core.progress import Progress
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.layer_choice import LayerChoice

CANCEL_TIP = (
    "Stop. A segmentation keeps the tiles that are done. A training gives no network but can be resumed "
    "in Fine-tune; to keep the best network so far, press “Stop and keep the best” there."
)
BAR_HEIGHT_PX = 6


class JobProgress(QWidget):
    """What a job does, how far it is, the time left, and *Cancel*; it keeps its height when idle.

    Parameters
    ----------
    jobs
        The jobs that it shows.
    """

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._jobs = jobs
        self._pace = Pace()
        self.note = QElidingLabel()
        self.left = QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT_PX)
        self.cancel = button("Cancel", CANCEL_TIP)
        self._parts = QWidget()
        self._lay_out()
        self.cancel.clicked.connect(lambda: jobs.cancel())
        jobs.started.connect(self._begin)
        jobs.resumed.connect(self._begin)
        jobs.progressed.connect(self._advance)
        jobs.cancelling.connect(self._wind_down)
        jobs.ended.connect(self._end)
        self._parts.setVisible(jobs.at_work)
        if jobs.at_work:
            self._begin(jobs.title)

    def _lay_out(self) -> None:
        top, lines, row = QHBoxLayout(), QVBoxLayout(), QHBoxLayout(self._parts)
        top.addWidget(self.note, stretch=1)
        top.addWidget(self.left)
        lines.setSpacing(2)
        lines.addLayout(top)
        lines.addWidget(self.bar)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(lines, stretch=1)
        row.addWidget(self.cancel)
        policy = self._parts.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._parts.setSizePolicy(policy)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._parts)

    def _begin(self, title: str) -> None:
        self._pace = Pace()
        self.note.setText(title)
        self.left.clear()
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(True)
        self._parts.setVisible(True)

    def _advance(self, step: Progress) -> None:
        self.note.setText(f"{self._jobs.title}: {step.note}" if step.note else self._jobs.title)
        self.bar.setRange(0, 1000 if step.total else 0)
        self.bar.setValue(round(1000 * step.fraction))
        self.left.setText(self._pace.left(step))

    def _wind_down(self) -> None:
        self.cancel.setEnabled(False)
        self.left.clear()
        self.note.setText("Stopping…")

    def _end(self, _: Outcome[object]) -> None:
        self._parts.setVisible(False)


class Foot(QWidget):
    """What happened, what a job is doing, and the main buttons of a panel, each always in its place.

    Parameters
    ----------
    jobs
        The jobs of the viewer.
    """

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._jobs = jobs
        self.message = Message()
        self.progress = JobProgress(jobs)
        self.note, self.bar, self.cancel = (
            self.progress.note,
            self.progress.bar,
            self.progress.cancel,
        )
        self._buttons = QHBoxLayout()
        rule = QFrame()
        rule.setFrameShape(QFrame.Shape.HLine)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 2, 8, 8)
        box.setSpacing(4)
        for part in (rule, self.message, self.progress):
            box.addWidget(part)
        box.addLayout(self._buttons)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        jobs.started.connect(self._begin)
        jobs.ended.connect(self._end)
        jobs.reported.connect(self._say)
        jobs.cautioned.connect(self._caution)
        jobs.warned.connect(self.message.show_error)

    def add(self, *buttons: QWidget) -> QWidget:
        """Add a button to the row at the bottom; of several, one is shown at a time. Return its place.

        Parameters
        ----------
        *buttons
            Those that take turns in one place. The first is shown until another is by `show_in_turn`.
        """
        place: QWidget = buttons[0]
        if len(buttons) > 1:
            place = stack = QStackedWidget()
            for each in buttons:
                stack.addWidget(each)
            place.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        # a place that is empty stays, so that nothing comes to lie under the mouse
        policy = place.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        place.setSizePolicy(policy)
        self._buttons.addWidget(place, stretch=1)
        return place

    def speak_of(self, choice: LayerChoice) -> None:
        """Drop what is said as soon as another layer is chosen, which it was not about."""
        about = [choice.layer]

        def look() -> None:
            if choice.layer is not about[0]:
                about[0] = choice.layer
                if not self._jobs.running:
                    self.message.clear()

        choice.changed.connect(look)

    def _begin(self, _: str) -> None:
        self.message.clear()

    def _say(self, words: str) -> None:
        self.message.show_text("done", words)

    def _caution(self, words: str) -> None:
        self.message.show_text("caution", words)

    def _end(self, outcome: Outcome[object]) -> None:
        if outcome.error is not None:
            self.message.show_error(outcome.error)
        elif outcome.cancelled:
            self.message.show_text("note", "Cancelled.")


def show_in_turn(button: QWidget) -> None:
    """Show a button in the place that it shares with others, if it does."""
    place = button.parentWidget()
    if isinstance(place, QStackedWidget):
        place.setCurrentWidget(button)


class Pace:
    """Speed of a job since its progress last started from zero."""

    def __init__(self) -> None:
        self._total = 0.0
        self._first = 0.0
        self._start = 0.0
        self._last = 1.0

    def left(self, step: Progress) -> str:
        """Return the time left in words; empty while it is unknown."""
        now = time.monotonic()
        if step.total != self._total or step.fraction < self._last:
            self._total, self._first, self._start = step.total, step.fraction, now
        self._last = step.fraction
        gained, spent = step.fraction - self._first, now - self._start
        if gained <= 0.01 or spent < 0.5:
            return ""
        return f"{in_words(spent * (1 - step.fraction) / gained)} left"


def in_words(seconds: float) -> str:
    """Return a rounded duration with its unit."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
