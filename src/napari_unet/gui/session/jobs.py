"""Long work beside the viewer: the only file that knows threads.

A job is a generator of progress. Its thread takes one step after another and puts what it yields
into an inbox; a timer of the main thread empties the inbox a few times a second, so that the window
has the same little work however fast the job goes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.errors import UserError
from napari_unet.gui.session.worker import Outcome, Run, T, Task, ignore

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Job, Progress


COLLECT_MS = 150
"""Time between two looks into the inbox: each redraws some of the window, and so all of it."""
HASTE_MS = 20
"""The same while a job is told to stop."""
BUDGET_S = 0.02
"""Longest time spent at once on what lies in it."""


class Jobs(QObject):
    """The one job that a viewer runs at a time; all its signals come on the main thread.

    A job that gives way waits while another one runs, and goes on afterwards.

    Parameters
    ----------
    parent
        Its owner.
    collect_ms
        Time between two looks into the inbox.
    """

    started = Signal(str)
    """A job began; its title."""
    resumed = Signal(str)
    """A job goes on that had given way; its title."""
    progressed = Signal(object)
    """The newest `Progress`, once a look into the inbox."""
    cancelling = Signal()
    """The job was told to stop and is finishing its step."""
    ended = Signal(object)
    """The job is over; its `Outcome`."""
    said = Signal(str)
    """What there is to say about how it went."""
    troubled = Signal(object)
    """Something is wrong, and the job goes on without it; the `UserError` that says what."""
    abandoned = Signal()
    """The viewer is going."""

    def __init__(self, parent: QObject, collect_ms: int = COLLECT_MS) -> None:
        super().__init__(parent)
        self._collect_ms = collect_ms
        self._task: Task | None = None
        self._waiting: Task | None = None
        self._timer = QTimer(self)
        # not again before it is through: whoever is told of progress may process events
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._collect)

    @property
    def running(self) -> bool:
        """Whether a job is at work that another has to wait for, until it has stopped if cancelled."""
        return self._task is not None and not self._task.gives_way

    @property
    def at_work(self) -> bool:
        """Whether any job is at work, one that gives way included."""
        return self._task is not None

    @property
    def title(self) -> str:
        """What the job at work does; empty if there is none."""
        return self._task.title if self._task is not None else ""

    def start(
        self,
        title: str,
        job: Job[T],
        *,
        on_step: Callable[[Progress], None] | None = None,
        on_end: Callable[[Outcome[T]], None] | None = None,
        gives_way: bool = False,
    ) -> Task:
        """Run a job in a thread.

        Parameters
        ----------
        title
            What it does, in a few words.
        job
            The job, not begun.
        on_step
            Called on the main thread with everything it yields, until it is cancelled.
        on_end
            Called on the main thread once, after `ended`.
        gives_way
            Whether it waits whenever another job is started.

        Returns
        -------
        Task
            What `cancel` takes.

        Raises
        ------
        UserError
            When another job is at work.
        """
        self.check_idle(gives_way=gives_way)
        # who is told that it began may process events
        self._timer.stop()
        if self._task is not None:
            self._task.run.pause()
            self._waiting = self._task
        task = Task(Run(job), title, on_step or ignore, on_end or ignore, gives_way)
        self._task = task
        task.run.start()
        self.started.emit(title)
        self._timer.start(self._collect_ms)
        return task

    def check_idle(self, *, gives_way: bool = False) -> None:
        """Raise a `UserError` when a job is at work that one to be started has to wait for."""
        if self.running or (gives_way and self._task is not None):
            raise UserError(
                f"{self.title} is still at work",
                rule="A viewer runs one job at a time.",
                remedy="Wait until it is done, or press Cancel.",
            )

    def cancel(self, task: Task | None = None) -> None:
        """Stop a job after its present step; what it yielded since the last look is dropped.

        Parameters
        ----------
        task
            The job; one that waits is told to have ended after the one at work. None: that one.
        """
        task = task or self._task
        if task is None or task.run.cancelled:
            return
        task.run.cancel()
        if task is self._task:
            self._timer.start(HASTE_MS)
            self.cancelling.emit()

    def abandon(self) -> None:
        """Stop the job and tell nobody: the viewer is going."""
        self._timer.stop()
        for task in (self._task, self._waiting):
            if task is not None:
                task.run.cancel()
        self._task = self._waiting = None
        self.abandoned.emit()

    def wait(self) -> None:
        """Hold the window up until the job is over, for short ones; how it ended is told afterwards."""
        if self._task is not None:
            self._task.run.join()

    def _collect(self) -> None:
        task = self._task
        if task is None:
            return
        over = task.run.over
        newest, empty = self._deliver(task)
        if newest is not None and task is self._task:
            self.progressed.emit(newest)
        if over and empty and task is self._task:
            self._finish(task)
        if self._task is task:
            self._timer.start(HASTE_MS if task.run.cancelled else self._collect_ms)

    def _deliver(self, task: Task) -> tuple[Progress | None, bool]:
        """Hand on the inbox while time allows; returns the newest, and whether none is left."""
        run, newest = task.run, None
        until = time.perf_counter() + BUDGET_S
        while run.inbox and not run.cancelled:
            newest = run.inbox.popleft()
            try:
                task.on_step(newest)
            except Exception as error:  # noqa: BLE001 - shown like an error of the job itself
                run.refused = Outcome(error=error)
                run.cancel()
            if time.perf_counter() > until:
                break
        return newest, not run.inbox or run.cancelled

    def _finish(self, task: Task) -> None:
        outcome = task.run.ending
        waited, self._waiting = self._waiting, None
        self._task = waited
        self.ended.emit(outcome)
        try:
            # last, because it may start the next job
            task.on_end(outcome)
        except Exception as error:  # noqa: BLE001 - likewise
            self.ended.emit(Outcome(error=error))
        if waited is not None and self._task is waited:
            waited.run.go_on()
            self.resumed.emit(waited.title)
            self._timer.start(self._collect_ms)
