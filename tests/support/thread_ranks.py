"""Ranks that are threads of one process: what several devices compute, without starting any."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import torch

TIMEOUT_S = 60


class ThreadRanks:
    """One of several threads that train together."""

    def __init__(self, rank, size, shared):
        self.rank, self.size, self._shared = rank, size, shared

    def total(self, values):
        return self._exchange(values.detach().clone(), lambda all_of_them: sum(all_of_them))

    def least(self, value):
        return self._exchange(value, min)

    @torch.no_grad()
    def sum_for_leader(self, tensors):
        every = self._exchange([each.clone() for each in tensors], list)
        if self.rank == 0:
            for i, each in enumerate(tensors):
                each.copy_(sum(theirs[i] for theirs in every))

    @torch.no_grad()
    def share_leaders(self, tensors):
        leaders = self._exchange([each.clone() for each in tensors], lambda every: every[0])
        for mine, theirs in zip(tensors, leaders, strict=True):
            mine.copy_(theirs)

    def tell(self, message):
        self._exchange(message, lambda every: every[0])

    def hear(self):
        return self._exchange(None, lambda every: every[0])

    def _exchange(self, given, combine):
        values, barrier = self._shared
        values[self.rank] = given
        barrier.wait(TIMEOUT_S)
        out = combine(list(values))
        # nobody gives anything new before all have taken this
        barrier.wait(TIMEOUT_S)
        return out


@contextmanager
def several(size, follow):
    """Yield the leader of several ranks; `follow(ranks)` is called in a thread for each other one."""
    shared = [None] * size, threading.Barrier(size)
    failed = []

    def run(rank):
        try:
            follow(ThreadRanks(rank, size, shared))
        except BaseException as error:  # noqa: BLE001 raised below
            failed.append(error)
            shared[1].abort()

    others = [threading.Thread(target=run, args=(rank,)) for rank in range(1, size)]
    for other in others:
        other.start()
    try:
        yield ThreadRanks(0, size, shared)
    finally:
        shared[1].abort() if failed else None
        for other in others:
            other.join(TIMEOUT_S)
    assert not failed
