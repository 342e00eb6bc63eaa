"""Ranks that are processes of `torch.distributed`."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from napari_unet.core.ranks.ranks import LostDeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STEP_TIMEOUT = timedelta(minutes=10)
"""How long a rank waits for the others within a step."""
PAUSE_TIMEOUT = timedelta(days=1)
"""How long the others wait for the leader, which validates and saves between steps."""


class ProcessRanks:
    """A process in the default group of `torch.distributed`, from its making until `leave`.

    Parameters
    ----------
    rank, size
        The number of this process, and how many there are.
    device
        ``"cuda"`` or ``"cpu"``.
    where
        How the processes find each other: ``env://``, or the URL of a file or of the leader.
    """

    def __init__(self, rank: int, size: int, device: str, where: str = "env://") -> None:
        self.rank = rank
        self.size = size
        self._device = device
        backend = "nccl" if device == "cuda" else "gloo"
        with _told_if_lost():
            dist.init_process_group(
                backend, init_method=where, rank=rank, world_size=size, timeout=STEP_TIMEOUT
            )
            # messages are no work for a graphics card, and the pauses between them may be long
            self._messages = dist.new_group(backend="gloo", timeout=PAUSE_TIMEOUT)

    def leave(self) -> None:
        """Leave the group."""
        with warnings.catch_warnings():
            # a group that lost a member says so
            warnings.simplefilter("ignore")
            dist.destroy_process_group()

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all ranks; no gradient passes."""
        out = values.detach().clone()
        with _told_if_lost():
            dist.all_reduce(out)
        return out

    def least(self, value: int) -> int:
        """Return the least value of any rank."""
        held = torch.tensor(value)
        with _told_if_lost():
            dist.all_reduce(held, dist.ReduceOp.MIN, group=self._messages)
        return int(held)

    @torch.no_grad()
    def sum_for_leader(self, tensors: Sequence[Tensor]) -> None:
        """Replace the leader's tensors by the sums over all ranks."""
        flat = _flat(tensors)
        with _told_if_lost():
            dist.reduce(flat, 0)
        if self.rank == 0:
            _unflatten(flat, tensors)

    @torch.no_grad()
    def share_leaders(self, tensors: Sequence[Tensor]) -> None:
        """Replace everyone's tensors by the leader's."""
        flat = _flat(tensors)
        with _told_if_lost():
            dist.broadcast(flat, 0)
        if self.rank:
            _unflatten(flat, tensors)

    def tell(self, message: Any) -> None:
        """Tell the others something; the leader only."""
        with _told_if_lost():
            dist.broadcast_object_list([message], 0, group=self._messages)

    def hear(self) -> Any:
        """Wait for what the leader tells; the others only."""
        heard = [None]
        with _told_if_lost():
            dist.broadcast_object_list(heard, 0, group=self._messages)
        return heard[0]


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.detach().reshape(-1) for each in tensors])


def _unflatten(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    start = 0
    for each in tensors:
        each.copy_(flat[start : start + each.numel()].view(each.shape))
        start += each.numel()


@contextmanager
def _told_if_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostDeviceError(
            "A device was lost: its process ended, or can't be reached",
            value=str(error).strip().partition("\n")[0],
            rule="All devices of a training compute each of its steps together.",
            remedy="Run the same command again, with as many devices as you like: the training goes on "
            "where it was saved.",
        ) from error
