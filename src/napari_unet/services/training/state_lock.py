"""Keeps two trainings from sharing one state file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.file_lock import file_locked
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
    target = Path(os.path.realpath(state))
    name = hashlib.sha256(str(target).encode()).hexdigest()[:24]
    places = [Path(tempfile.gettempdir()) / f"napari-unet-{name}{LOCK_SUFFIX}"]
    if target.parent.is_dir():
        # for other computers that share the folder
        places.append(target.with_name(f".{target.name}{LOCK_SUFFIX}"))
    with ExitStack() as locks:
        for place in places:
            if not locks.enter_context(file_locked(place)):
                raise UserError(
                    f"Another training is keeping its state in {state.name}",
                    value=state.parent,
                    rule="Two trainings at the same time need different names.",
                    remedy="Wait for the other one, or give this one another name.",
                )
        yield


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
