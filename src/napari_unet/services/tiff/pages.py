"""The pages of a TIFF file: where their strips and tiles are, and how they are decoded."""

from __future__ import annotations

import itertools
import math
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.host_memory import free_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

Box = tuple[slice, ...]

LARGE_BYTES = 128 << 20
"""Size from which a decoded strip or tile is checked to fit into memory."""


def damaged(path: str, error: object) -> UserError:
    """Return the error that a file can't be decoded."""
    return UserError(
        f"{Path(path).name} is damaged or not supported",
        value=f"{type(error).__name__}: {error}" if isinstance(error, Exception) else error,
        rule="It must be a complete TIFF file.",
        remedy="Copy or export it again, for example from Fiji as plain TIFF.",
    )


def check_complete(path: str, needed: int, size: int) -> None:
    """Raise a `UserError` if a file has fewer bytes than it needs."""
    if needed > size:
        raise UserError(
            f"{Path(path).name} is truncated",
            value=f"{size} bytes",
            rule=f"According to its header it must have at least {needed}.",
            remedy="Copy or export it again; the last attempt may have been interrupted.",
        )


@dataclass(frozen=True, slots=True)
class Mapped:
    """Uncompressed pixels, one after the other."""

    path: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]

    def check(self, size: int) -> None:
        """Raise a `UserError` if a file of `size` bytes is too short for this."""
        check_complete(self.path, self.offset + math.prod(self.shape) * self.dtype.itemsize, size)

    def read(self, box: Box) -> NDArray[Any]:
        """Copy a window."""
        pixels = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return np.array(pixels[box], self.dtype.newbyteorder("="))


class Layout:
    """How the pages of one kind are cut into strips or tiles.

    Attributes
    ----------
    shape
        Shape of a page: separate samples, depth, rows, columns, interleaved samples.
    chunk
        Shape of a strip or tile along the same five axes.
    grid
        Number of strips or tiles along each axis.
    """

    def __init__(self, keyframe: Any) -> None:
        self.shape: tuple[int, ...] = tuple(int(n) for n in keyframe.shaped)
        self.dtype: np.dtype[Any] = keyframe.dtype.newbyteorder(keyframe.parent.byteorder)
        tile = (keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth)
        strip = (1, keyframe.rowsperstrip, keyframe.imagewidth)
        self.chunk: tuple[int, ...] = (1, *(tile if keyframe.is_tiled else strip), self.shape[4])
        self.grid = tuple(-(-n // c) for n, c in zip(self.shape, self.chunk, strict=True))
        self.chunk_bytes = math.prod(self.chunk) * self.dtype.itemsize
        self.nodata = keyframe.nodata
        self.final = bool(keyframe.is_final)
        self.compressed = int(keyframe.compression) != 1
        self.jpeg = int(keyframe.compression) in (6, 7, 33007, 34892)
        self.jpeg_header: bytes | None = keyframe.jpegheader
        self.decode: Callable[..., tuple[NDArray[Any] | None, Any, Any]] = keyframe.decode

    def touched(self, box: Box) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the number and the first pixel of each strip or tile that a window touches."""
        cuts = zip(box, self.chunk, strict=True)
        for index in itertools.product(*(range(b.start // c, -(-b.stop // c)) for b, c in cuts)):
            yield ravel(index, self.grid), tuple(map(operator.mul, index, self.chunk))


def ravel(index: Iterable[int], lengths: Iterable[int]) -> int:
    """Return the flat position of an index, the last axis running fastest; extra lengths are ignored."""
    number = 0
    for i, n in zip(index, lengths, strict=False):
        number = number * n + i
    return number


@dataclass(frozen=True, slots=True)
class Page:
    """Where the strips or tiles of a page are; `mapped` if they are uncompressed and contiguous."""

    path: str
    offsets: Sequence[int]
    counts: Sequence[int]
    jpeg_tables: bytes | None
    layout: Layout
    mapped: Mapped | None

    def check(self, size: int) -> None:
        """Raise a `UserError` if a file of `size` bytes is too short for this."""
        if not self.offsets or not self.counts:
            raise damaged(self.path, "a page without pixels")
        if self.mapped is not None:
            self.mapped.check(size)
        else:
            listed, needed = min(len(self.offsets), len(self.counts)), math.prod(self.layout.grid)
            if listed < needed:
                error = f"it lists {listed:,} of {needed:,} strips or tiles of a page"
                raise damaged(self.path, error)
            # without compression the last strip may be declared longer than the rows that are left
            counts = self.counts if self.layout.compressed else itertools.repeat(0)
            check_complete(self.path, max(map(operator.add, self.offsets, counts)), size)

    def decode(self, number: int, file: BinaryIO) -> NDArray[Any] | None:
        """Decode a strip or tile to the axes of a page; None if it was never written."""
        listed = number < min(len(self.offsets), len(self.counts))
        if not listed or self.offsets[number] <= 0 or self.counts[number] <= 0:
            return None
        layout = self.layout
        if layout.chunk_bytes > LARGE_BYTES:
            self._check_memory()
        file.seek(self.offsets[number])
        data = file.read(self.counts[number])
        jpeg = {"jpegtables": self.jpeg_tables, "jpegheader": layout.jpeg_header}
        chunk = layout.decode(data, number, **(jpeg if layout.jpeg else {}))[0]
        return None if chunk is None else chunk[None]

    def _check_memory(self) -> None:
        available = free_memory() // 2
        if self.layout.chunk_bytes > available:
            raise UserError(
                f"{Path(self.path).name} has strips or tiles too large for this computer",
                value=f"{self.layout.chunk_bytes / 2**30:.1f} GiB",
                rule=f"Each must fit into half of the free memory, {available / 2**30:.1f} GiB.",
                remedy="Save the image as tiled or uncompressed TIFF.",
            )


def locate(series: Any) -> list[Page | None]:
    """Find the strips and tiles of a series of an open file; None for a page that is missing."""
    layouts: dict[int, Layout] = {}
    sizes: dict[str, int] = {}
    pages: list[Page | None] = []
    for page in series:
        if page is None:
            pages.append(None)
            continue
        key, path = page.keyframe, page.parent.filehandle.path
        if id(key) not in layouts:
            layouts[id(key)] = Layout(key)
        if path not in sizes:
            sizes[path] = Path(path).stat().st_size
        layout, starts, counts = layouts[id(key)], page.dataoffsets, page.databytecounts
        ends = map(operator.add, starts, counts)
        contiguous = layout.final and starts[0] > 0 and all(map(operator.eq, ends, starts[1:]))
        mapped = Mapped(path, layout.dtype, starts[0], layout.shape) if contiguous else None
        located = Page(path, starts, counts, page.jpegtables, layout, mapped)
        located.check(sizes[path])
        pages.append(located)
    if len({(x.shape, x.dtype.str[1:]) for x in layouts.values()}) > 1:
        raise damaged(series.parent.filehandle.path, "pages of unequal size or type")
    return pages
