"""Starts the processes of a training on several devices, or joins those that another program started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.ranks.ranks import ALONE, LostDeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.core.ranks.ranks import Ranks

CPU = "cpu"
PATIENCE_S = 20
"""How long the leader waits at the end until the other processes have ended."""
LOOPBACK = {"linux": "lo", "darwin": "lo0"}


@contextmanager
def joined(devices: str | None, command: Sequence[str]) -> Iterator[Ranks]:
    """Be one of the processes of a training, in the block.

    If a launcher such as torchrun has started this process, it joins the others. Else it leads, and
    starts one more for each further device. What a process that does not lead prints is dropped.

    Parameters
    ----------
    devices
        Numbers of graphics cards, such as ``"0,1"``, or ``"cpu"`` for each process on the processor;
        None: one device, or what the launcher gives.
    command
        The command line that starts this process.

    Yields
    ------
    Ranks
        The processes. For the first, the training that they share is an ordinary one.

    Raises
    ------
    UserError
        When there is no such device, or a process of the training is lost.
    """
    listed = None if devices is None else _listed(devices)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size > 1:
        rank = int(os.environ["RANK"])
        local = int(os.environ.get("LOCAL_RANK", rank))
        with _member(rank, size, _device_of(local, listed)) as ranks:
            yield ranks
        return
    if listed is None or len(listed) == 1:
        if listed:
            _use(listed[0])
        yield ALONE
        return
    with _started(listed, command) as others, _told(others):
        with _member(0, len(listed), listed[0]) as ranks:
            yield ranks
        for other in others:
            other.process.wait(PATIENCE_S)


def _listed(devices: str) -> list[str]:
    """Return the devices that a text lists."""
    listed = [each.strip() for each in devices.split(",")]
    numbers = [each for each in listed if each != CPU]
    cards = _cards() if numbers else []
    if not (all(each in cards for each in numbers) and len(set(numbers)) == len(numbers)):
        raise UserError(
            "There are no such devices to train on",
            value=devices,
            rule=f"This computer has {_named(cards)}. Each graphics card is named once, by its number; "
            "'cpu,cpu' are two processes on the processor.",
            remedy="Name others, or leave the option out to train on one device.",
        )
    if numbers and len(numbers) < len(listed):
        raise UserError(
            "Graphics cards and the processor can't train together",
            value=devices,
            rule="Each step takes as long as on the slowest device.",
            remedy=f"Name the graphics cards only: {','.join(numbers)}.",
        )
    return listed


def _cards() -> list[str]:
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


def _named(cards: list[str]) -> str:
    return (
        f"the graphics cards {', '.join(cards)}" if cards else "no graphics card that torch finds"
    )


def _device_of(local: int, listed: list[str] | None) -> str:
    """Return the device of a process, by its number on this computer."""
    listed = listed or _cards() or [CPU]
    if local >= len(listed) and CPU not in listed:
        raise UserError(
            "There are more processes than graphics cards on this computer",
            value=f"process {local + 1}, cards {', '.join(listed)}",
            rule="Each process of a training has a graphics card of its own.",
            remedy="Start as many processes a computer as it has graphics cards.",
        )
    return listed[min(local, len(listed) - 1)]


def _use(device: str) -> None:
    """Let torch find this device only; before it has computed anything."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if device == CPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    else:
        cards = [each for each in (visible or "").split(",") if each]
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[int(device)] if cards else device


@contextmanager
def _member(rank: int, size: int, device: str) -> Iterator[Ranks]:
    import torch

    from napari_unet.core.ranks.processes import ProcessRanks

    _use(device)
    if device == CPU and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // size))
    with ExitStack() as quiet:
        if rank:
            nowhere = quiet.enter_context(Path(os.devnull).open("w"))
            quiet.enter_context(redirect_stdout(nowhere))
            quiet.enter_context(redirect_stderr(nowhere))
            for number in (signal.SIGINT, signal.SIGTERM):
                # the leader saves first, and then ends them
                signal.signal(number, signal.SIG_IGN)
        ranks = ProcessRanks(rank, size, CPU if device == CPU else "cuda")
        yield ranks
        # not after an error: those that are lost can't leave
        ranks.leave()


@contextmanager
def _started(listed: list[str], command: Sequence[str]) -> Iterator[list[_Other]]:
    """Start the processes of all devices but the first; end them with the block, however it is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(len(listed))}
    if sys.platform in LOOPBACK and "GLOO_SOCKET_IFNAME" not in os.environ:
        # the name of this computer may stand for an address that it can't reach
        where["GLOO_SOCKET_IFNAME"] = LOOPBACK[sys.platform]
    os.environ.update(where)
    others: list[_Other] = []
    try:
        for rank in range(1, len(listed)):
            others.append(_Other(command, rank))
        yield others
    finally:
        for other in others:
            other.end()
        for name in where:
            os.environ.pop(name, None)


class _Other:
    """A process that does not lead."""

    def __init__(self, command: Sequence[str], rank: int) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 closed by `end`
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            # Ctrl-C is for the leader, which saves first
            start_new_session=True,
        )

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._said.close()

    @property
    def failure(self) -> str:
        """How it ended, and what it said last; empty if it goes on, or ended well."""
        if not self.process.poll():
            return ""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        how = f"process {self.process.pid} ended with status {self.process.returncode}"
        return ": ".join([how, *lines[-1:]])


@contextmanager
def _told(others: Sequence[_Other]) -> Iterator[None]:
    """Add how a process has ended to the error that a device is lost."""
    try:
        yield
    except LostDeviceError as error:
        failures = [other.failure for other in others if other.failure]
        error.value = failures[0] if failures else error.value
        raise
