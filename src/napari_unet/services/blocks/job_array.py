"""Blocks computed by programs that somebody else starts, such as a job array: they share the tasks.

They and the run that waits for them meet in the folder of the run alone: in the marks of what is done.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Notice, Progress
from napari_unet.services.blocks.engine import ATTEMPTS, Ledger
from napari_unet.services.blocks.tasks import stages, task_count
from napari_unet.services.blocks.worker import run_one
from napari_unet.services.blocks.workspace import JOB, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOOK = 1.0
"""Seconds between two looks at what the others have done."""
PATIENCE = 600.0
"""Seconds without anything new after which what others have not done is taken over."""


class JobArray:
    """Waits until others have run the tasks.

    Parameters
    ----------
    n
        How many are to share them.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._told = False

    def run(self, work: Workspace, stage: str, tasks: Sequence[int], ledger: Ledger) -> Job[None]:
        """Wait for some tasks of a stage, and first say how to start those that run them."""
        for index in tasks:
            _failure(work, stage, index).unlink(missing_ok=True)
        if not self._told:
            self._told = True
            command = f"napari-unet blocks {work.folder} --index K --of {self._n}"
            yield Notice(0, 0, text=f"Now start, for each K from 0 to {self._n - 1}: {command}")
        before = ledger.done
        while True:
            done = work.done(stage)
            waiting = [i for i in tasks if i not in done]
            ledger.failed = {i: cause for i in waiting if (cause := _read(work, stage, i))}
            ledger.done = before + len(tasks) - len(waiting)
            yield Progress(ledger.done, 0, stage)
            if len(waiting) == len(ledger.failed):
                return
            time.sleep(LOOK)

    def close(self) -> None:
        """Nothing was started."""


def take_part(folder: Path, index: int, of: int, patience: float = PATIENCE) -> Job[int]:
    """Run a share of the tasks of a run by blocks, and what others leave undone.

    Parameters
    ----------
    folder
        Of the run.
    index, of
        The tasks `index`, `index` + `of`, … are this program's.
    patience
        Seconds without anything new after which others are taken to be dead, and their tasks are run.

    Yields
    ------
    Progress
        Of the stage at work.

    Returns
    -------
    int
        Number of tasks that were run here.

    Raises
    ------
    UserError
        When nothing is run in the folder, or the index is not below `of`.
    """
    if index >= of:
        raise UserError(
            "There is no such share",
            value=f"index {index} of {of}",
            rule="Shares are counted from 0.",
            remedy=f"Give an index from 0 to {of - 1}.",
        )
    if not (folder / JOB).is_file():
        raise UserError(
            "No run by blocks is waiting there",
            value=folder,
            rule="It is begun by `napari-unet segment … --cluster array:N`, which names the folder.",
            remedy="Begin it, and give the folder that it names.",
        )
    work, count = Workspace(folder), 0
    for stage in stages(work):
        share = _Share(work, stage, index, of, patience)
        yield from share.run()
        count += share.count
        if share.over:
            break
    return count


class _Share:
    """A program's share of a stage."""

    def __init__(self, work: Workspace, stage: str, index: int, of: int, patience: float) -> None:
        self._work, self._stage = work, stage
        (work.folder / stage).mkdir(exist_ok=True)
        self._total = task_count(work, stage)
        self._own = range(index, self._total, of)
        self._index, self._patience = index, patience
        self.count = 0
        self.over = False

    def run(self) -> Job[None]:
        """Run this program's tasks, wait for the others, and run what they have left."""
        for task in self._own:
            yield self._progress()
            if self._is_open(task):
                self._run(task)
        last, since = -1, time.monotonic()
        while waiting := self._waiting():
            yield self._progress()
            if len(waiting) != last:
                last, since = len(waiting), time.monotonic()
            elif time.monotonic() - since > self._patience:
                # others do the same: each begins elsewhere
                self._run(waiting[self._index % len(waiting)])
            time.sleep(min(LOOK, self._patience))
        # when one has failed, those that follow can't be run; when all is done, the folder goes
        self.over = not self._exists() or any(
            _failure(self._work, self._stage, i).exists() for i in range(self._total)
        )

    def _run(self, task: int) -> None:
        for _ in range(ATTEMPTS):
            cause = run_one(str(self._work.folder), self._stage, task)
            if not cause:
                self.count += 1
                return
        if self._exists():
            with atomic_path(_failure(self._work, self._stage, task)) as temporary:
                temporary.write_text(cause, "utf-8")

    def _waiting(self) -> list[int]:
        """Return what is neither done nor has failed; nothing, if the run is over."""
        if not self._exists():
            return []
        done = self._work.done(self._stage)
        return [i for i in range(self._total) if i not in done and self._is_open(i)]

    def _is_open(self, task: int) -> bool:
        marks = self._work.path(self._stage, task), _failure(self._work, self._stage, task)
        return self._exists() and not any(mark.exists() for mark in marks)

    def _exists(self) -> bool:
        return (self._work.folder / JOB).is_file()

    def _progress(self) -> Progress:
        done = len(self._work.done(self._stage)) if self._exists() else self._total
        return Progress(done, self._total, self._stage)


def _failure(work: Workspace, stage: str, index: int) -> Path:
    return work.folder / stage / f"{index}.failed"


def _read(work: Workspace, stage: str, index: int) -> str:
    try:
        return _failure(work, stage, index).read_text("utf-8")
    except FileNotFoundError:
        return ""
