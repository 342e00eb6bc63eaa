"""One job in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_unet.gui.session.responsiveness import old_objects_left_alone, step_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Job, Progress


T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """How a job ended.

    Attributes
    ----------
    result
        What it returned; None unless it ran to its end.
    error
        What it raised, or None.
    cancelled
        Whether it was stopped early.
    """

    result: T | None = None
    error: Exception | None = None
    cancelled: bool = False


class Run(Generic[T]):
    """One job in a thread of its own, which also closes the generator."""

    def __init__(self, job: Job[T]) -> None:
        self._job = job
        self._stop, self._go = threading.Event(), threading.Event()
        self._go.set()
        self._thread = threading.Thread(target=self._work, name="U-Net Studio job")
        self.inbox: deque[Progress] = deque()
        self.outcome: Outcome[T] = Outcome(cancelled=True)
        self.refused: Outcome[T] | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def cancel(self) -> None:
        """Take no more steps, and close the job."""
        self._stop.set()
        self._go.set()

    def pause(self) -> None:
        """Take no step after the current one."""
        if not self.cancelled:
            self._go.clear()

    def go_on(self) -> None:
        """Resume after a pause."""
        self._go.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._stop.is_set()

    @property
    def over(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    @property
    def ending(self) -> Outcome[T]:
        """How it ended, as the viewer shows it."""
        if self.refused is None and self.cancelled:
            return Outcome(cancelled=True)
        return self.refused or self.outcome

    def _stopped(self) -> bool:
        """Wait while paused; return whether the job has been cancelled."""
        self._go.wait()
        return self._stop.is_set()

    def _work(self) -> None:
        step_back()
        try:
            with old_objects_left_alone(), contextlib.closing(self._job):
                while not self._stopped():
                    self.inbox.append(next(self._job))
        except StopIteration as stop:
            self.outcome = Outcome(result=stop.value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user has to see it
            self.outcome = Outcome(error=error)


@dataclass(frozen=True, eq=False)
class Task:
    """A job that was started, its callbacks, and whether it gives way to others."""

    run: Run[Any]
    title: str
    on_step: Callable[[Progress], None]
    on_end: Callable[[Outcome[Any]], None]
    gives_way: bool


def ignore(_: object) -> None:
    """Do nothing."""
