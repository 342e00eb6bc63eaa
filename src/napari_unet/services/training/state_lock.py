"""Keeps two trainings from sharing one state file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.memory_units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SUFFIX = ".lock"


@contextmanager
def state_of_one(state: Path | None) -> Iterator[None]:
    """Keep a state file to one training, until the block is left or the program ends, however it does.

    Parameters
    ----------
    state
        The file; None: there is none.

    Raises
    ------
    UserError
        When another training uses it.
    """
    if state is None:
        yield
        return
    # elsewhere: what a killed program leaves must not lie among the user's files
    name = hashlib.sha256(os.path.realpath(state).encode()).hexdigest()[:24]
    path = Path(tempfile.gettempdir()) / f"napari-unet-{name}{LOCK_SUFFIX}"
    try:
        file = path.open("a")
    except OSError:
        # of another user, or there is no room
        yield
        return
    with file:
        if not _lock(file):
            raise UserError(
                f"Another training is keeping its state in {state.name}",
                value=state.parent,
                rule="Two trainings at the same time need different names.",
                remedy="Wait for the other one, or give this one another name.",
            )
        try:
            yield
        finally:
            # Windows removes no open file
            with suppress(OSError):
                path.unlink()


def check_room(state: Path | None, parameters: int) -> None:
    """Raise a `UserError` when a disk has no room for the state of a training and the new network.

    Parameters
    ----------
    state
        Where the state goes; None: nowhere.
    parameters
        Number of parameters of the network.
    """
    if state is None:
        return
    # weights, two moments, average and the best, written beside the old state; and the new network
    needed = 4 * parameters * (2 * 5 + 1)
    try:
        free = shutil.disk_usage(state.parent).free
    except OSError:
        return
    if free < needed:
        raise UserError(
            "There is no room for the training",
            value=f"{format_bytes(free)} free in {state.parent}",
            rule=f"Its state and the new network take up to {format_bytes(needed)}.",
            remedy="Free some space, or choose another folder.",
        )


def _lock(file: IO[str]) -> bool:
    """Lock a file unless somebody else has; a lock ends with the process that holds it."""
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:  # pragma: no cover
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except BlockingIOError:
        return False
    except OSError as error:
        # a file system without locks
        return not isinstance(error, PermissionError)
    return True
