"""Long work beside the viewer: the only file that knows threads.

A job is a generator of progress. Its thread takes one step after another and puts what it yields
into an inbox. A timer of the main thread empties the inbox a few times a second, so that the window
has little to do however fast the job is.
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
"""Time between two looks into the inbox; after each, Qt redraws the whole window."""
STOPPING_COLLECT_MS = 20
"""The same while a job is stopping."""
DELIVERY_BUDGET_S = 0.02
"""Longest time spent at once on delivering what is in the inbox."""


class Jobs(QObject):
    """Runs one job of a viewer at a time; all signals are emitted on the main thread.

    A job that gives way pauses while another one runs, and goes on afterwards.

    Parameters
    ----------
    parent
        Its owner.
    collect_ms
        Time between two looks into the inbox.
    """

    started = Signal(str)
    """A job has started; its title."""
    resumed = Signal(str)
    """A job that had given way goes on; its title."""
    progressed = Signal(object)
    """The newest `Progress`, once for each look into the inbox."""
    cancelling = Signal()
    """The job has been cancelled, and is finishing its step."""
    ended = Signal(object)
    """The job has ended; its `Outcome`."""
    reported = Signal(str)
    """A message to the user about how a job went."""
    cautioned = Signal(str)
    """The same, where the result can hardly be right."""
    warned = Signal(object)
    """Something is wrong but the job goes on without it; the `UserError` that says what."""
    abandoned = Signal()
    """The viewer is closing."""

    def __init__(self, parent: QObject, collect_ms: int = COLLECT_MS) -> None:
        super().__init__(parent)
        self._collect_ms = collect_ms
        self._task: Task | None = None
        self._waiting: Task | None = None
        self._timer = QTimer(self)
        # one look at a time: a slot of `progressed` may process events
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._collect)

    @property
    def running(self) -> bool:
        """Whether there is a job that others have to wait for; if cancelled, until it has stopped."""
        return self._task is not None and not self._task.gives_way

    @property
    def at_work(self) -> bool:
        """Whether there is any job, including one that gives way."""
        return self._task is not None

    @property
    def title(self) -> str:
        """The title of the current job; empty if there is none."""
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
            What the job does, in a few words.
        job
            The job, not started.
        on_step
            Called on the main thread with each thing it yields, until it is cancelled.
        on_end
            Called on the main thread once, after `ended`.
        gives_way
            Whether it pauses whenever another job is started.

        Returns
        -------
        Task
            For `cancel`.

        Raises
        ------
        UserError
            When another job is running.
        """
        self.check_idle(gives_way=gives_way)
        # a slot of `started` may process events
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
        """Raise a `UserError` if a new job would have to wait for the current one."""
        if self.running or (gives_way and self._task is not None):
            raise UserError(
                f"{self.title} is still running",
                rule="Only one job runs at a time.",
                remedy="Wait until it is done, or press Cancel.",
            )

    def cancel(self, task: Task | None = None) -> None:
        """Stop a job after its current step; what it has yielded since the last look is dropped.

        Parameters
        ----------
        task
            The job; None: the current one. If it is paused, it ends after the one that runs.
        """
        task = task or self._task
        if task is None or task.run.cancelled:
            return
        task.run.cancel()
        if task is self._task:
            self._timer.start(STOPPING_COLLECT_MS)
            self.cancelling.emit()

    def abandon(self) -> None:
        """Stop all jobs without a signal of their end: the viewer is closing."""
        self._timer.stop()
        for task in (self._task, self._waiting):
            if task is not None:
                task.run.cancel()
        self._task = self._waiting = None
        self.abandoned.emit()

    def wait(self) -> None:
        """Block the window until a short job has ended; `ended` is emitted afterwards."""
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
            self._timer.start(STOPPING_COLLECT_MS if task.run.cancelled else self._collect_ms)

    def _deliver(self, task: Task) -> tuple[Progress | None, bool]:
        """Deliver the inbox while time allows; return the newest step, and whether none is left."""
        run, newest = task.run, None
        until = time.perf_counter() + DELIVERY_BUDGET_S
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
            # last, as it may start the next job
            task.on_end(outcome)
        except Exception as error:  # noqa: BLE001 - shown like an error of the job itself
            self.ended.emit(Outcome(error=error))
        if waited is not None and self._task is waited:
            waited.run.go_on()
            self.resumed.emit(waited.title)
            self._timer.start(self._collect_ms)
