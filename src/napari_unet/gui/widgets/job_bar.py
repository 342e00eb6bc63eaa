"""The foot of a panel: progress of the job, *Cancel*, and how the job ended."""

from __future__ import annotations

import html
import platform
import time
import traceback
from importlib import metadata
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from napari_unet.core.progress import Progress
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome

CANCEL_TIP = (
    "Stop. A segmentation keeps the tiles that are done. A training gives no network but can be resumed "
    "in Fine-tune; to keep the best network so far, press “Stop and keep the best” there."
)
COPY_TIP = "Copy the message, the versions and the traceback for a bug report."
COLOURS = {"error": "#ef4444", "done": "#2dd4bf", "note": "#94a3b8"}


class JobBar(QWidget):
    """Progress bar, note, time left and *Cancel* while a job is running; then how it ended."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._jobs = jobs
        self._pace = Pace()
        self.note = QElidingLabel()
        self.left = QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel = button("Cancel", CANCEL_TIP)
        self.message = Message()
        self._progress_box = QWidget()
        self._lay_out()
        self.cancel.clicked.connect(jobs.cancel)
        jobs.started.connect(self._begin)
        jobs.resumed.connect(self._go_on)
        jobs.progressed.connect(self._advance)
        jobs.cancelling.connect(self._wind_down)
        jobs.ended.connect(self._end)
        jobs.reported.connect(self._say)
        jobs.warned.connect(self.message.show_error)
        self._progress_box.setVisible(jobs.at_work)
        if jobs.at_work:
            self._begin(jobs.title)

    def _lay_out(self) -> None:
        top, middle = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.note, stretch=1)
        top.addWidget(self.left)
        middle.addWidget(self.bar, stretch=1)
        middle.addWidget(self.cancel)
        box = QVBoxLayout(self._progress_box)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(top)
        box.addLayout(middle)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._progress_box)
        whole.addWidget(self.message)

    def _begin(self, title: str) -> None:
        self.message.clear()
        self._go_on(title)

    def _go_on(self, title: str) -> None:
        """Show the running job; the message about the previous one stays."""
        self._pace = Pace()
        self.note.setText(title)
        self.left.clear()
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(True)
        self._progress_box.setVisible(True)

    def _advance(self, step: Progress) -> None:
        self.note.setText(f"{self._jobs.title}: {step.note}" if step.note else self._jobs.title)
        self.bar.setRange(0, 1000 if step.total else 0)
        self.bar.setValue(round(1000 * step.fraction))
        self.left.setText(self._pace.left(step))

    def _wind_down(self) -> None:
        self.cancel.setEnabled(False)
        self.left.clear()
        self.note.setText("Stopping…")

    def _say(self, words: str) -> None:
        self.message.show_text("done", words)

    def _end(self, outcome: Outcome[object]) -> None:
        self._progress_box.setVisible(False)
        if outcome.error is not None:
            self.message.show_error(outcome.error)
        elif outcome.cancelled:
            self.message.show_text("note", "Cancelled.")


class Message(QFrame):
    """What happened, in a line or more; the details of an unexpected error are folded away."""

    shown = Signal()
    """A message is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.more = button("Details", "The traceback, for a bug report.")
        self.more.setCheckable(True)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.more.toggled.connect(self.details.setVisible)
        self.copy = button("Copy details", COPY_TIP)
        self.copy.clicked.connect(self._copy)
        self._report = ""
        beside = QHBoxLayout()
        for widget in (self.more, self.copy):
            beside.addWidget(widget)
        beside.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 4, 4)
        box.addWidget(self.text)
        box.addLayout(beside)
        box.addWidget(self.details)
        self.clear()

    def clear(self) -> None:
        """Show no message."""
        self.setVisible(False)
        self.text.clear()

    def show_error(self, error: Exception) -> None:
        """Show a `UserError` as it is, any other error in short with its traceback folded away."""
        if isinstance(error, UserError):
            cause, rest = html.escape(error.cause), html.escape(f"{error.rule} {error.remedy}")
            self._show("error", f"<b>{html.escape(error.problem)}</b>{cause}.<br>{rest}", error)
            return
        words = html.escape(str(error)) or "no message"
        self._show("error", f"<b>Something went wrong</b>: {type(error).__name__}: {words}", error)
        self.details.setPlainText("".join(traceback.format_exception(error)))
        self.more.setVisible(True)

    def show_text(self, kind: str, text: str) -> None:
        """Show plain text as ``"done"`` or ``"note"``."""
        self._show(kind, html.escape(text))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report)

    def _show(self, kind: str, rich: str, error: Exception | None = None) -> None:
        self.setStyleSheet(f"Message {{ border-left: 3px solid {COLOURS[kind]}; }}")
        self.text.setText(rich)
        self.more.setChecked(False)
        self.more.setVisible(False)
        self.details.setVisible(False)
        self.copy.setVisible(error is not None)
        if error is not None:
            trace = "".join(traceback.format_exception(error))
            self._report = f"{_versions()}\n{error}\n\n{trace}"
        self.setVisible(True)
        self.shown.emit()


def _versions() -> str:
    """Return the versions of the software."""
    parts = [
        f"{name} {metadata.version(name)}" for name in ("napari-unet-studio", "napari", "torch")
    ]
    return f"{', '.join(parts)}; Python {platform.python_version()} on {platform.platform()}"


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
