"""The journal of an annotation: a line with its version, then records with a checksum each.

A record describes the layer, or contains the pixels changed since the record before; at first all are 0.
Everything after the first incomplete record is ignored, so that a program can be killed while it writes.
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
    """Identifies an image.

    Attributes
    ----------
    name, path
        Its name, and its file; empty without one.
    shape
        Shape of its array.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    shape: tuple[int, ...]


class PaintNote(BaseModel):
    """Describes the annotation in a journal.

    Attributes
    ----------
    name
        Name of the layer.
    image
        The image that it was painted on.
    kind
        Kind of the annotation.
    shape, dtype
        Shape and dtype of the labels; two axes or more, integers.
    look
        How to restore the layer: scale, colours and whatever else the viewer needs.
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
            raise ValueError("labels must be integers")
        return dtype

    @field_validator("shape")
    @classmethod
    def _planes(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) < 2 or min(shape) < 0:
            raise ValueError("labels must have two axes or more")
        return shape


@dataclass(frozen=True, eq=False)
class Replay:
    """A journal that was read.

    Attributes
    ----------
    note, paint
        The labels, and their last description.
    end
        Length of the intact part of the file, in bytes.
    """

    note: PaintNote
    paint: NDArray[Any]
    end: int


def start_of_file() -> bytes:
    """Return the first line of a journal."""
    return START % VERSION


def note_record(note: PaintNote) -> bytes:
    """Return the record that describes the layer."""
    return _record(NOTE, note.model_dump_json().encode())


def pixel_record(indices: NDArray[np.int64], values: NDArray[Any]) -> bytes:
    """Return the record of changed pixels: flat indices, ascending, and their new values."""
    return _record(PIXELS, pack_pixels(indices, values))


def read_note(path: Path) -> PaintNote:
    """Read the last description of an annotation.

    Raises
    ------
    UserError
        When the file contains none, or is of a later version.
    """
    note = None
    for kind, content, _ in _records(path):
        note = _note(content, path) if kind == NOTE else note
    if note is None:
        raise _damaged(path)
    return note


def replay(path: Path) -> Replay:
    """Read the labels as they were last written; a damaged end is ignored.

    Raises
    ------
    UserError
        When the file can't be used at all, or is of a later version.
    """
    note, paint, intact = None, np.zeros(0, np.uint8), 0
    for kind, content, end in _records(path):
        if kind == NOTE:
            newer = _note(content, path)
            if note is None:
                paint = _empty(newer, path)
            elif (newer.shape, newer.dtype) != (note.shape, note.dtype):
                break
            note = newer
        elif note is None:
            break
        else:
            try:
                indices, values = unpack_pixels(content, paint.dtype, paint.size)
            except ValueError:
                break
            paint.reshape(-1)[indices] = values
        intact = end
    if note is None:
        raise _damaged(path)
    return Replay(note, paint, intact)


def _record(kind: int, content: bytes) -> bytes:
    return _HEAD.pack(kind, len(content), _checksum(kind, content)) + content


def _checksum(kind: int, content: bytes) -> int:
    return zlib.crc32(content, kind)


def _records(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Yield kind, content and end of each record, up to the first incomplete one."""
    try:
        with path.open("rb") as file:
            line = file.readline(80)
            start = re.fullmatch(rb"napari-unet paint (\d+)\n", line)
            if start is None:
                raise _damaged(path)
            if int(start[1]) > VERSION:
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
            f"The annotation in {path.name} can't be read",
            value=error.strerror or error,
            rule="You need permission to read the file.",
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
            f"There is not enough memory for the annotation in {path.name}",
            value=f"{math.prod(note.shape)} pixels of {note.dtype}",
            rule="An annotation is restored as an array in memory.",
            remedy="Close other programs or layers, and try again.",
        ) from error


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path.name} contains no annotation that can be restored",
        rule="A journal is written by this program and must not be changed by others.",
        remedy="Discard it.",
    )


def _later(path: Path) -> UserError:
    return UserError(
        f"{path.name} was written by a later version of U-Net Studio",
        rule=f"This version reads journals up to version {VERSION}.",
        remedy="Update U-Net Studio to restore it.",
    )
