"""Locks between processes: what one works on, no other touches."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def file_locked(path: Path) -> Iterator[bool]:
    """Lock a file that is made for it and removed afterwards.

    Yields whether nobody else has locked it; also True where no file can be made or locked.
    """
    file = None
    # one that its owner has just removed is locked in vain
    while file is None or not _is_there(path, file):
        if file is not None:
            file.close()
        try:
            file = path.open("a")
        except OSError:
            # of another user, read only, or there is no room
            yield True
            return
        if not _lock(file):
            file.close()
            yield False
            return
    with file:
        try:
            yield True
        finally:
            # Windows removes no open file
            with suppress(OSError):
                path.unlink()


def _is_there(path: Path, file: IO[str]) -> bool:
    try:
        return os.name != "posix" or os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


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
