"""Running a job to its end under a progress bar."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from napari_unet.core.progress import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Job, Progress

T = TypeVar("T")

EVERY_S = 10.0
"""Time between two lines where there is no terminal."""
BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


class _Lines:
    """Tells where output is a file or a pipe how far a job has come.

    Parameters
    ----------
    title
        What the lines call it.
    said
        Whether anything is told.
    """

    def __init__(self, title: str, *, said: bool) -> None:
        self._title, self._said = title, said
        self._began = self._last = time.monotonic()

    def take(self, step: Progress) -> None:
        """Write a line if the last one is long ago."""
        now = time.monotonic()
        if not self._said or now - self._last < EVERY_S:
            return
        self._last, passed = now, now - self._began
        left = ""
        if step.fraction > 0:
            seconds = passed * (1 - step.fraction) / step.fraction
            left = f", about {tqdm.format_interval(seconds)} left"
        percent = f"{step.fraction:.0%} after {tqdm.format_interval(passed)}"
        note = f" ({step.note})" if step.note else ""
        print(f"{self._title}: {percent}{left}{note}", file=sys.stderr, flush=True)  # noqa: T201


def run_under_bar(
    job: Job[T],
    title: str,
    *,
    hidden: bool | None,
    leave: bool = True,
    interrupted: Callable[[], bool] = lambda: False,
    say: Callable[[str], str] = str,
) -> T:
    """Run a job to its end and return its result.

    Parameters
    ----------
    job
        The job. It is closed if it is interrupted, which frees memory and files.
    title
        What the bar calls it.
    hidden
        Whether there is no bar; None: without a terminal, a line every ten seconds instead.
    leave
        Whether the bar stays at the end.
    interrupted
        Asked after each step; where it returns True, a ``KeyboardInterrupt`` is raised.
    say
        How a `Notice` is put before it is written to standard error.
    """
    lines = _Lines(title, said=hidden is None and not sys.stderr.isatty())
    with tqdm(total=1.0, desc=title, disable=hidden, bar_format=BAR, leave=leave) as bar:
        try:
            while True:
                step = next(job)
                if interrupted():
                    raise KeyboardInterrupt
                if isinstance(step, Notice):
                    tqdm.write(say(step.text), file=sys.stderr)
                lines.take(step)
                bar.set_postfix_str(step.note, refresh=False)
                bar.update(step.fraction - bar.n)
        except StopIteration as stop:
            bar.update(1.0 - bar.n)
            return stop.value  # type: ignore[no-any-return]
        finally:
            job.close()
