"""Engines: who runs the tasks of a stage. They only schedule; results don't depend on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.services.blocks.tasks import run_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.services.blocks.workspace import Workspace

ATTEMPTS = 3
"""A task that fails so often is given up."""


@dataclass
class Ledger:
    """What of a stage is done, and what has failed.

    Attributes
    ----------
    done
        Number of tasks that are done.
    failed
        Why tasks were given up, by number.
    """

    done: int = 0
    failed: dict[int, str] = field(default_factory=dict)


class Engine(Protocol):
    """Runs tasks."""

    def run(self, work: Workspace, stage: str, tasks: Sequence[int], ledger: Ledger) -> Job[None]:
        """Run some tasks of a stage, in any order; what is done of them is kept if it is closed."""
        ...

    def close(self) -> None:
        """End what it has started."""
        ...


class InProcess:
    """Runs tasks in this process, one after the other."""

    def run(self, work: Workspace, stage: str, tasks: Sequence[int], ledger: Ledger) -> Job[None]:
        """Run some tasks of a stage."""
        for index in tasks:
            try:
                for step in run_task(work, stage, index):
                    yield Progress(ledger.done + step.fraction, 0, step.note)
            except UserError as error:
                ledger.failed[index] = str(error)
            ledger.done += 1

    def close(self) -> None:
        """Nothing was started."""


def describe_tasks(work: Workspace, stage: str, failed: dict[int, str]) -> Iterator[str]:
    """Name the blocks that failed, and why."""
    for index, cause in sorted(failed.items())[:5]:
        name = f"{stage} {index}"
        if stage in ("outputs", "pieces", "labels"):
            frame, block = divmod(index, len(work.grid))
            box = work.grid.box(block)
            axes = zip(work.frames[frame].spatial, box, strict=True)
            place = ", ".join(f"{a}={s.start}:{s.stop}" for a, s in axes)
            name = f"block {block} ({work.frames[frame].title} {place})".replace("( ", "(")
        yield f"{name}: {cause}"
