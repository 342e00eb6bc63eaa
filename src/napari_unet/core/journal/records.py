"""What a journal of paint holds: a line that names its version, then records with a checksum each.

A record says of which layer the paint is, or which pixels changed to what since the one before. Paint
begins with zeros everywhere. Whatever comes after the first record that is not whole is left aside, so
that a program can be killed while it writes.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, field_validator

from napari_unet.core.annotations.annotation import Kind
from napari_unet.core.errors import UserError
from napari_unet.core.journal.run_length import pack_pixels, unpack_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

VERSION = 1
START = b"napari-unet paint %d\n"
NOTE, PIXELS = 1, 2
_HEAD = struct.Struct("<BII")


class ImageIdentity(BaseModel):
    """What tells an image from others.

    Attributes
    ----------
    name, path
        Its name, and its file if it has one, else empty.
    shape
        Of its array.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    shape: tuple[int, ...]


class PaintNote(BaseModel):
    """What is said of the paint in a journal.

    Attributes
    ----------
    name
        Of the layer.
    image
        What it was painted on.
    kind
        What it means.
    shape, dtype
        Of the array; two axes or more, integers.
    look
        How the layer is to be made again: scale, colours and whatever the viewer has to know.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    image: ImageIdentity
    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    look: dict[str, JsonValue] = {}

    @field_validator("dtype")
    @classmethod
    def _integers(cls, dtype: str) -> str:
        if not re.fullmatch(r"u?int(8|16|32|64)", dtype):
            raise ValueError("labels are integers")
        return dtype

    @field_validator("shape")
    @classmethod
    def _planes(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) < 2 or min(shape) < 0:
            raise ValueError("paint has two axes or more")
        return shape


@dataclass(frozen=True, eq=False)
class Replay:
    """A journal that was read.

    Attributes
    ----------
    note, paint
        The paint and what was last said of it.
    end
        Bytes of the file that are whole.
    """

    note: PaintNote
    paint: NDArray[Any]
    end: int


def start_of_file() -> bytes:
    """Return what a journal begins with."""
    return START % VERSION


def note_record(note: PaintNote) -> bytes:
    """Return the record that says of which layer the paint is."""
    return _record(NOTE, note.model_dump_json().encode())


def pixel_record(indices: NDArray[np.int64], values: NDArray[Any]) -> bytes:
    """Return the record of changed pixels: flat indices, ascending, and what they changed to."""
    return _record(PIXELS, pack_pixels(indices, values))


def read_note(path: Path) -> PaintNote:
    """Read what was last said of the paint.

    Raises
    ------
    UserError
        When the file holds none, or is of a later version.
    """
    note = None
    for kind, content, _ in _records(path):
        note = _note(content, path) if kind == NOTE else note
    if note is None:
        raise _damaged(path)
    return note


def replay(path: Path) -> Replay:
    """Read the paint as it was last written; a damaged end is left aside.

    Raises
    ------
    UserError
        When the file can't be used at all, or is of a later version.
    """
    note, paint, good = None, np.zeros(0, np.uint8), 0
    for kind, content, end in _records(path):
        if kind == NOTE:
            said = _note(content, path)
            if note is None:
                paint = _empty(said, path)
            elif (said.shape, said.dtype) != (note.shape, note.dtype):
                break
            note = said
        elif note is None:
            break
        else:
            try:
                indices, values = unpack_pixels(content, paint.dtype, paint.size)
            except ValueError:
                break
            paint.reshape(-1)[indices] = values
        good = end
    if note is None:
        raise _damaged(path)
    return Replay(note, paint, good)


def _record(kind: int, content: bytes) -> bytes:
    return _HEAD.pack(kind, len(content), _checksum(kind, content)) + content


def _checksum(kind: int, content: bytes) -> int:
    return zlib.crc32(content, kind)


def _records(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Yield kind, content and end of each record that is whole, up to the first that is not."""
    try:
        with path.open("rb") as file:
            line = file.readline(80)
            found = re.fullmatch(rb"napari-unet paint (\d+)\n", line)
            if found is None:
                raise _damaged(path)
            if int(found[1]) > VERSION:
                raise _later(path)
            end = len(line)
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                kind, length, checksum = _HEAD.unpack(head)
                content = file.read(length)
                if len(content) < length or _checksum(kind, content) != checksum:
                    return
                end += _HEAD.size + length
                yield kind, content, end
    except OSError as error:
        raise UserError(
            f"The paint in {path.name} can't be read",
            value=error.strerror or error,
            rule="It lies in a file that you must be allowed to read.",
            remedy="Check the file, or discard it.",
        ) from error


def _note(content: bytes, path: Path) -> PaintNote:
    try:
        return PaintNote.model_validate_json(content)
    except ValidationError as error:
        raise _damaged(path) from error


def _empty(note: PaintNote, path: Path) -> NDArray[Any]:
    try:
        return np.zeros(note.shape, note.dtype)
    except (MemoryError, ValueError) as error:
        raise UserError(
            f"There is no memory for the paint in {path.name}",
            value=f"{math.prod(note.shape)} pixels of {note.dtype}",
            rule="Paint is restored as an array in memory.",
            remedy="Close other programs or layers, and try again.",
        ) from error


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path.name} holds no paint that can be restored",
        rule="A journal of paint is written by this program and not changed by others.",
        remedy="Discard it.",
    )


def _later(path: Path) -> UserError:
    return UserError(
        f"{path.name} was written by a later version of U-Net Studio",
        rule=f"This version reads journals of paint up to version {VERSION}.",
        remedy="Update U-Net Studio to restore it.",
    )
