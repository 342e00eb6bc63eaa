"""Where the journals of paint lie, whose they are, and when they go."""

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
from napari_unet.services.storage.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".paint"
KEPT_DAYS = 30
SILENT_S = 3600
"""After so long without a stroke, a journal of another computer is taken for one that was left."""
CLOCK_S = 5
"""By how much the start of a process may seem to differ when the clock is set."""

_NAME = re.compile(r"([0-9a-f]{8})(?: ([0-9a-f]{8}) (\d+) (\d+))?" + re.escape(SUFFIX))


@dataclass(frozen=True)
class LeftPaint:
    """Paint whose program has ended, or closed its layer.

    Attributes
    ----------
    path
        Its journal.
    note
        What there is to say of it.
    when
        When it was last written to, in seconds since 1970.
    """

    path: Path
    note: PaintNote
    when: float


class JournalFiles:
    """A folder of journals.

    The name of a journal says which process writes it; the system renames a file for one process only,
    so that two can't take the same one up.

    Parameters
    ----------
    folder
        Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> Journal:
        """Return an empty journal of this process."""
        return Journal(self.folder / f"{secrets.token_hex(4)} {_this_process()}{SUFFIX}")

    def left(self) -> list[LeftPaint]:
        """Return the paint that no living process owns, the newest first; unreadable files left out."""
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            # another process may take it up just now
            with contextlib.suppress(OSError, UserError):
                when = path.stat().st_mtime
                if not _owned(path.name, when):
                    found.append(LeftPaint(path, read_note(path), when))
        return sorted(found, key=lambda one: one.when, reverse=True)

    def claim(self, path: Path) -> Journal:
        """Make a journal that was left this process's own.

        Raises
        ------
        UserError
            When it is no longer there, or the system refuses.
        """
        own = path.with_name(f"{path.name[:8]} {_this_process()}{SUFFIX}")
        try:
            path.rename(own)
        except OSError as error:
            raise UserError(
                "This paint can't be restored",
                value=error.strerror or error,
                rule="It is restored once, by one program.",
                remedy="Look whether another window of napari has taken it up.",
            ) from error
        return Journal(own)

    def look(self, journal: Journal) -> LeftPaint | None:
        """Return the paint in a journal that is not gone on with; one without paint is deleted."""
        if journal.empty:
            self.forget(journal.path)
            return None
        try:
            return LeftPaint(journal.path, read_note(journal.path), journal.path.stat().st_mtime)
        except (OSError, UserError):
            return None

    def release(self, path: Path) -> None:
        """Leave a journal of this process for whoever comes."""
        # if it can't be renamed, it is free once this process has ended
        with contextlib.suppress(OSError):
            path.rename(path.with_name(path.name[:8] + SUFFIX))

    def forget(self, path: Path) -> None:
        """Delete a journal."""
        with contextlib.suppress(OSError):
            path.unlink()

    def forget_old(self, days: float = KEPT_DAYS) -> None:
        """Delete journals, whole or half written, that nobody has come back to for so many days."""
        oldest = time.time() - days * 24 * 3600
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
    """Whether a process may be at work on a journal last written to at that time."""
    found = _NAME.fullmatch(name)
    if found is None:
        return True
    if found[2] is not None and found[2] != _computer():
        # whether it lives can't be told from here
        return time.time() - when < SILENT_S
    return _alive(name)


def _alive(name: str) -> bool:
    """Whether the process that a journal is named after is at work on this computer."""
    found = _NAME.fullmatch(name)
    if found is None or found[2] != _computer():
        return False
    try:
        process = psutil.Process(int(found[3]))
        same = abs(process.create_time() - int(found[4])) < CLOCK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
