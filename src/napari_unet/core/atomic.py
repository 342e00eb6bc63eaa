"""Writing a file so that it is either there in full or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED_PATTERN = ".napari-unet-*.part"
"""What is left where a program was killed while it wrote."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if os.name == "posix" else {errno.ENOSPC}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Lend a temporary file beside `path`, which takes its place if all goes well.

    On leaving the block the temporary file is flushed to the disk and renamed to `path`, replacing
    what was there. If anything goes wrong, Cancel included, it is removed and what was there stays.

    Parameters
    ----------
    path
        The file wanted. Its folder is created if it is missing; a link is followed.

    Yields
    ------
    Path
        An empty file in the same folder, to be written and closed within the block.

    Raises
    ------
    UserError
        When the system refuses: disk full, folder read-only, name taken by a folder.
    """
    target = Path(os.path.realpath(path))
    # hidden and with a suffix nobody looks for, should a power cut leave it behind
    temporary = target.with_name(UNFINISHED_PATTERN.replace("*", secrets.token_hex(6)))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # not tempfile: its files are readable by their owner only, and would stay so
        temporary.touch(exist_ok=False)
        yield temporary
        _flush(temporary)
        temporary.replace(target)
        if os.name == "posix":
            _flush(target.parent)
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        # after success it is gone; a failure to remove it must not hide the first one
        with suppress(OSError):
            temporary.unlink()


def check_writable(path: Path) -> None:
    """Raise a `UserError` unless a file can be made at `path`; its folder is made if missing."""
    target = Path(os.path.realpath(path))
    trial = target.with_name(UNFINISHED_PATTERN.replace("*", secrets.token_hex(6)))
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target.parent.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"full disks take empty files")
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        with suppress(OSError):
            trial.unlink()


def _flush(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(path: Path, error: OSError) -> UserError:
    if error.errno in FULL:
        return UserError(
            f"There is no room to write {path.name}",
            value=error.strerror,
            rule=f"The disk of {path.parent} must have space for the whole file.",
            remedy="Free some space or choose another folder. Nothing was written.",
        )
    return UserError(
        f"{path.name} can't be written",
        value=error.strerror or error,
        rule=f"The folder {path.parent} must let you create files.",
        remedy="Choose another name or folder, and close other programs that use the file.",
    )
