"""Worker processes on this computer: one that dies is replaced."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from napari_unet.core.progress import Job, Progress
from napari_unet.services.blocks.engine import ATTEMPTS, Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.services.blocks.workspace import Workspace

WAIT = 0.2
"""Seconds between two chances to cancel."""


@dataclass
class _Worker:
    number: int
    process: subprocess.Popen[str]
    task: int | None = None

    @property
    def answers(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout


class Processes:
    """Runs tasks in worker processes.

    Parameters
    ----------
    n
        How many. The cores are shared among them; each gets a graphics card of its own where there are
        several.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._workers: list[_Worker] = []

    def run(self, work: Workspace, stage: str, tasks: Sequence[int], ledger: Ledger) -> Job[None]:
        """Run some tasks of a stage."""
        waiting, attempts = deque(tasks), dict.fromkeys(tasks, 0)
        causes: dict[int, str] = {}
        with selectors.DefaultSelector() as selector:
            for number in range(self._n):
                self._start(number, selector)
            for worker in self._workers:
                self._give(worker, work, stage, waiting)
            while any(worker.task is not None for worker in self._workers):
                yield Progress(ledger.done, 0, stage)
                for key, _ in selector.select(WAIT):
                    worker = key.data
                    index, cause, died = self._answer(worker)
                    if died:
                        selector.unregister(key.fileobj)
                        worker = self._replaced(worker, selector)
                    if index is None:
                        continue
                    if cause is None:
                        ledger.done += 1
                    else:
                        attempts[index] += 1
                        causes[index] = cause
                        if attempts[index] < ATTEMPTS:
                            waiting.append(index)
                        else:
                            ledger.failed[index] = causes[index]
                    worker.task = None
                    self._give(worker, work, stage, waiting)

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()
            for pipe in (worker.process.stdin, worker.process.stdout):
                if pipe is not None:
                    pipe.close()
        self._workers.clear()

    def _start(self, number: int, selector: selectors.BaseSelector) -> None:
        known = {worker.number: worker for worker in self._workers}
        worker = known.get(number)
        if worker is None:
            worker = _Worker(number, _launch(number, self._n))
            self._workers.append(worker)
        selector.register(worker.answers, selectors.EVENT_READ, worker)

    def _replaced(self, old: _Worker, selector: selectors.BaseSelector) -> _Worker:
        old.process.wait()
        for pipe in (old.process.stdin, old.process.stdout):
            if pipe is not None:
                pipe.close()
        self._workers.remove(old)
        new = _Worker(old.number, _launch(old.number, self._n))
        self._workers.append(new)
        selector.register(new.answers, selectors.EVENT_READ, new)
        return new

    def _give(self, worker: _Worker, work: Workspace, stage: str, waiting: deque[int]) -> None:
        if not waiting:
            return
        worker.task = waiting.popleft()
        assert worker.process.stdin is not None
        line = json.dumps({"folder": str(work.folder), "stage": stage, "index": worker.task})
        try:
            worker.process.stdin.write(f"{line}\n")
            worker.process.stdin.flush()
        except BrokenPipeError:
            # it has died; its empty answer says so
            pass

    def _answer(self, worker: _Worker) -> tuple[int | None, str | None, bool]:
        """Return the task that is done, if any, why it failed, and whether the worker has died."""
        line = worker.answers.readline()
        if not line:
            code = worker.process.wait()
            return worker.task, f"its worker ended with status {code}", True
        answer = json.loads(line)
        return worker.task, answer.get("error"), False


def _launch(number: int, n: int) -> subprocess.Popen[str]:
    threads = str(max(1, (os.cpu_count() or 1) // n))
    environment: dict[str, Any] = {**os.environ, "OMP_NUM_THREADS": threads}
    cards = _cards()
    if len(cards) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = cards[number % len(cards)]
    return subprocess.Popen(
        [sys.executable, "-m", "napari_unet.services.blocks.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _cards() -> list[str]:
    """Return the graphics cards that may be used."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [card for card in allowed.split(",") if card]
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]
