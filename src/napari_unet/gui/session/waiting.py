"""Waiting for a job without blocking the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEventLoop

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome


def run_and_wait(jobs: Jobs, start: Callable[[], object]) -> None:
    """Start a job and process the window's events until it is over.

    Parameters
    ----------
    jobs
        The jobs of the viewer.
    start
        Starts the job.

    Raises
    ------
    UserError
        When another job is running, or this one is cancelled.
    Exception
        The error of the job.
    """
    loop, outcomes = QEventLoop(), list[Any]()

    def end(outcome: Outcome[Any]) -> None:
        outcomes.append(outcome)
        loop.quit()

    start()
    jobs.ended.connect(end)
    jobs.abandoned.connect(loop.quit)
    try:
        loop.exec()
    finally:
        jobs.ended.disconnect(end)
        jobs.abandoned.disconnect(loop.quit)
    if outcomes and outcomes[0].error is not None:
        raise outcomes[0].error
    if not outcomes or outcomes[0].cancelled:
        raise UserError(
            "The job was cancelled",
            rule="Only a finished job has a result.",
            remedy="Run it again.",
        )
