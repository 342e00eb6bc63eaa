"""Writing files atomically: a file is complete, or it is not there."""

from __future__ import annotations

import errno
import functools
import os
import platform
import re
import secrets
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED_PATTERN = ".napari-unet-*.part"
"""Name pattern of temporary files; some remain where a program was killed while writing."""

_OWNER = re.compile(r"\.napari-unet-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.part")
_tidied: set[Path] = set()
"""Folders in which this process has looked for what killed ones left."""

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if os.name == "posix" else {errno.ENOSPC}


@contextmanager
def atomic_path(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Provide a temporary file beside `path` that replaces it if all goes well.

    On leaving the block the temporary file is flushed to disk and renamed to `path`. If anything goes
    wrong, or the work is cancelled, it is removed and an existing file stays as it was.

    Parameters
    ----------
    path
        The file to write. Its folder is created if it is missing; a link is followed.
    replace
        Whether a file that exists by then may be replaced.

    Yields
    ------
    Path
        An empty file in the same folder, to be written and closed within the block.

    Raises
    ------
    UserError
        When the file can't be written: the disk is full, the folder is read-only, a folder has the
        name, or a file that must not be replaced.
    """
    target = Path(os.path.realpath(path))
    # hidden, and with a suffix no reader looks for, in case a power cut leaves it behind
    temporary = _temporary(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # tempfile would make files that only their owner can read, and they would stay so
        temporary.touch(exist_ok=False)
        yield temporary
        _flush(temporary)
        if replace:
            temporary.replace(target)
        else:
            _move_to_free(temporary, target)
        if os.name == "posix":
            _flush(target.parent)
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        # gone already after success; failing to remove it must not hide the first error
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def explained_writing(path: Path) -> Iterator[None]:
    """Turn errors of the system while something is written to `path` into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise _explain(path, error) from error


def check_writable(path: Path) -> None:
    """Check that a file can be written at `path`.

    Parameters
    ----------
    path
        The file. Its folder is created if it is missing; the file itself is not touched.

    Raises
    ------
    UserError
        When a file can't be written there, as in `atomic_path`.
    """
    target = Path(os.path.realpath(path))
    trial = _temporary(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target.parent.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"not empty: a full disk still takes empty files")
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        with suppress(OSError):
            trial.unlink()


def _temporary(target: Path) -> Path:
    """Return the name of a temporary file beside another one; remove those of killed programs first."""
    folder, own = target.parent, f"{_computer()}-{os.getpid()}"
    if folder not in _tidied:
        _tidied.add(folder)
        # where a folder can't be listed or changed, the next step says so
        with suppress(OSError):
            for path in folder.glob(UNFINISHED_PATTERN):
                match = _OWNER.fullmatch(path.name)
                if match and match[1] == _computer() and not psutil.pid_exists(int(match[2])):
                    path.unlink()
    return target.with_name(UNFINISHED_PATTERN.replace("*", f"{own}-{secrets.token_hex(6)}"))


@functools.cache
def _computer() -> str:
    # a folder may be shared with other computers, whose processes are not known here
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _move_to_free(temporary: Path, target: Path) -> None:
    """Move a file to a name that nothing has, not even since the last look."""
    try:
        target.hardlink_to(temporary)
    except OSError as error:
        if isinstance(error, FileExistsError) or target.exists():
            raise UserError(
                f"{target} already exists",
                value="it was written meanwhile",
                rule="Files are overwritten only on request.",
                remedy="Choose another name.",
            ) from error
        # a file system without hard links
        temporary.replace(target)


def _flush(path: Path) -> None:
    """Wait until a file, or the list of files in a folder, is on disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(path: Path, error: OSError) -> UserError:
    if error.errno in DISK_FULL:
        return UserError(
            f"There is no room to write {path.name}",
            value=error.strerror,
            rule=f"The disk that holds {path.parent} needs space for the whole file.",
            remedy="Free some space or choose another folder. Nothing was written.",
        )
    return UserError(
        f"{path.name} can't be written",
        value=error.strerror or error,
        rule=f"You need permission to create files in {path.parent}.",
        remedy="Choose another name or folder, and close other programs that are using the file.",
    )
