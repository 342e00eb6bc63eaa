"""The folder of journals: which process owns which, and when they are deleted."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import secrets
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from napari_unet.core.atomic import UNFINISHED_PATTERN
from napari_unet.core.errors import UserError
from napari_unet.core.journal.records import PaintNote, read_note
from napari_unet.services.storage.believed_time import believed_time
from napari_unet.services.storage.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".paint"
KEPT_DAYS = 30
SILENT_S = 3600
"""Time without a stroke after which a journal of another computer counts as abandoned."""
CLOCK_S = 5
"""Difference in the start time of a process that setting the clock may cause."""

_NAME = re.compile(r"([0-9a-f]{8})(?: ([0-9a-f]{8}) (\d+) (\d+))?" + re.escape(SUFFIX))


@dataclass(frozen=True)
class RestorableAnnotation:
    """An annotation whose program has ended, or whose layer was closed.

    Attributes
    ----------
    path
        Its journal.
    note
        Description of the paint.
    when
        Time of the last change, in seconds since 1970.
    """

    path: Path
    note: PaintNote
    when: float


class JournalFiles:
    """A folder of journals.

    The name of a journal says which process writes it. Renaming a file succeeds for one process only, so
    that two can't claim the same journal.

    Parameters
    ----------
    folder
        Created when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> Journal:
        """Return an empty journal of this process."""
        believed_time(self.folder)
        return Journal(self.folder / f"{secrets.token_hex(4)} {_this_process()}{SUFFIX}")

    def restorable(self) -> list[RestorableAnnotation]:
        """Return the annotations no running process owns, newest first, without unreadable files."""
        unowned = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            # another process may claim it at the same moment
            with contextlib.suppress(OSError, UserError):
                when = path.stat().st_mtime
                if not _owned(path.name, when):
                    unowned.append(RestorableAnnotation(path, read_note(path), when))
        return sorted(unowned, key=lambda annotation: annotation.when, reverse=True)

    def claim(self, path: Path) -> Journal:
        """Take over a journal that no process owns.

        Raises
        ------
        UserError
            When it no longer exists, or can't be renamed.
        """
        own = path.with_name(f"{path.name[:8]} {_this_process()}{SUFFIX}")
        try:
            path.rename(own)
        except OSError as error:
            raise UserError(
                "This annotation can't be restored",
                value=error.strerror or error,
                rule="It can be restored only once.",
                remedy="Check whether another napari window has restored it.",
            ) from error
        return Journal(own)

    def restorable_from(self, journal: Journal) -> RestorableAnnotation | None:
        """Return the annotation in a journal that won't be continued; delete an empty journal."""
        if journal.empty:
            self.forget(journal.path)
            return None
        try:
            return RestorableAnnotation(
                journal.path, read_note(journal.path), journal.path.stat().st_mtime
            )
        except (OSError, UserError):
            return None

    def release(self, path: Path) -> None:
        """Give up a journal of this process, so that any process can claim it."""
        # if it can't be renamed, it can be claimed once this process has ended
        with contextlib.suppress(OSError):
            path.rename(path.with_name(path.name[:8] + SUFFIX))

    def forget(self, path: Path) -> None:
        """Delete a journal."""
        with contextlib.suppress(OSError):
            path.unlink()

    def forget_old(self, days: float = KEPT_DAYS) -> None:
        """Delete journals, complete or not, that have not changed for a number of days."""
        oldest = believed_time(self.folder) - days * 24 * 3600
        for path in [*self.folder.glob(f"*{SUFFIX}"), *self.folder.glob(UNFINISHED_PATTERN)]:
            # another window may be deleting it too
            with contextlib.suppress(OSError):
                when = path.stat().st_mtime
                if when < oldest and not _alive(path.name):
                    path.unlink()


@functools.cache
def _computer() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


@functools.cache
def _started(pid: int) -> int:
    return int(psutil.Process(pid).create_time())


def _this_process() -> str:
    pid = os.getpid()
    return f"{_computer()} {pid} {_started(pid)}"


def _owned(name: str, when: float) -> bool:
    """Whether a running process may own a journal that last changed at a time."""
    match = _NAME.fullmatch(name)
    if match is None:
        return True
    if match[2] is not None and match[2] != _computer():
        # processes of another computer can't be checked
        return time.time() - when < SILENT_S
    return _alive(name)


def _alive(name: str) -> bool:
    """Whether the process that a journal is named after is running on this computer."""
    match = _NAME.fullmatch(name)
    if match is None or match[2] != _computer():
        return False
    try:
        process = psutil.Process(int(match[3]))
        same = abs(process.create_time() - int(match[4])) < CLOCK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
