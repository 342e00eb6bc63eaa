"""Running a job to its end, with or without a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from napari_unet.core.progress import Job

T = TypeVar("T")

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


def result_of(job: Job[T], title: str, *, progress: bool) -> T:
    """Run a job to its end and return its result.

    Parameters
    ----------
    job
        The job. It is closed if it is interrupted, which frees memory and files.
    title
        What the bar calls it.
    progress
        Whether to show a bar with the time left.
    """
    with tqdm(total=1.0, desc=title, disable=not progress, bar_format=BAR) as bar:
        try:
            while True:
                step = next(job)
                bar.set_postfix_str(step.note, refresh=False)
                bar.update(step.fraction - bar.n)
        except StopIteration as stop:
            bar.update(1.0 - bar.n)
            return stop.value  # type: ignore[no-any-return]
        finally:
            job.close()
