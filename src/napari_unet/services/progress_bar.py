"""Running a job to its end under a progress bar."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from napari_unet.core.progress import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Job

T = TypeVar("T")

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


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
        Whether there is no bar; None: none without a terminal.
    leave
        Whether the bar stays at the end.
    interrupted
        Asked after each step; where it returns True, a ``KeyboardInterrupt`` is raised.
    say
        How a `Notice` is put before it is written to standard error.
    """
    with tqdm(total=1.0, desc=title, disable=hidden, bar_format=BAR, leave=leave) as bar:
        try:
            while True:
                step = next(job)
                if interrupted():
                    raise KeyboardInterrupt
                if isinstance(step, Notice):
                    tqdm.write(say(step.text), file=sys.stderr)
                bar.set_postfix_str(step.note, refresh=False)
                bar.update(step.fraction - bar.n)
        except StopIteration as stop:
            bar.update(1.0 - bar.n)
            return stop.value  # type: ignore[no-any-return]
        finally:
            job.close()
