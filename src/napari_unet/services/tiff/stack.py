"""Windows of a stack of TIFF pages, decoded strip by strip or tile by tile."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.host_memory import free_memory
from napari_unet.services.tiff.pages import ravel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.services.tiff.pages import Box, Page

CACHE_BYTES = 128 << 20
"""Decoded strips and tiles that are cached; more if a single window needs more."""


class Cache:
    """The strips and tiles that were used last, up to `limit` bytes."""

    def __init__(self) -> None:
        self.limit = CACHE_BYTES
        self._held: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __getitem__(self, key: tuple[int, int]) -> NDArray[Any] | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def __setitem__(self, key: tuple[int, int], chunk: NDArray[Any]) -> None:
        with self._lock:
            if key not in self._held:
                self._held[key] = chunk
                self._bytes += chunk.nbytes
            while self._bytes > self.limit and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


class PageStack:
    """A stack of pages that may be compressed.

    Parameters
    ----------
    pages
        From `locate`.
    shape
        Shape of the stack: the axes that run over pages, then those of a page. Stack and pages may
        differ in axes of length 1.
    lead
        Number of axes that run over pages.
    dtype
        Type of what is read.
    """

    def __init__(
        self,
        pages: list[Page | None],
        shape: tuple[int, ...],
        lead: int,
        dtype: np.dtype[Any],
    ) -> None:
        self._dtype = dtype
        # the marker of pages that are missing
        self._absent = np.nan if any(p is None for p in pages) and dtype.kind == "f" else 0
        self._pages = pages
        self._shape = shape
        self._lead = lead
        self._layout = next(page.layout for page in pages if page is not None)
        self._cache = Cache()

    def read(self, box: Box) -> NDArray[Any]:
        """Decode a window; pixels that were never written are 0, or the file's "no data" value.

        A page that is missing is NaN where the type has it.
        """
        out = np.zeros([b.stop - b.start for b in box], self._dtype)
        if not out.size:
            return out
        inner = zip(box[self._lead :], self._shape[self._lead :], strict=True)
        sides = iter([b for b, n in inner if n != 1])
        inside = tuple(slice(0, 1) if n == 1 else next(sides) for n in self._layout.shape)
        planes = out.reshape(-1, *(b.stop - b.start for b in inside))
        touched = dict(self._layout.touched(inside))
        self._fit_cache(len(planes) * len(touched) * self._layout.chunk_bytes)
        steps = itertools.product(*(range(b.start, b.stop) for b in box[: self._lead]))
        for plane, step in zip(planes, steps, strict=True):
            self._fill(plane, ravel(step, self._shape), inside, touched)
        return out

    def _fit_cache(self, needed: int) -> None:
        """Cache all strips of a window if memory allows: the next window mostly needs the same."""
        if needed > CACHE_BYTES:
            needed = min(needed, free_memory() // 4)
        self._cache.limit = max(CACHE_BYTES, needed)

    def _fill(
        self, plane: NDArray[Any], number: int, inside: Box, touched: dict[int, tuple[int, ...]]
    ) -> None:
        """Fill the window of one page."""
        page = self._pages[number]
        if page is None:
            plane[:] = self._absent
            return
        if page.mapped is not None:
            plane[:] = page.mapped.read(inside)
            return
        for i, chunk in self._chunks(page, number, touched).items():
            sizes = self._layout.chunk if chunk is None else chunk.shape
            target, source = [], []
            for b, first, n in zip(inside, touched[i], sizes, strict=True):
                start, stop = max(b.start, first), min(b.stop, first + n)
                target.append(slice(start - b.start, stop - b.start))
                source.append(slice(start - first, stop - first))
            plane[tuple(target)] = page.layout.nodata if chunk is None else chunk[tuple(source)]

    def _chunks(
        self, page: Page, number: int, wanted: Iterable[int]
    ) -> dict[int, NDArray[Any] | None]:
        """Return strips or tiles of a page from the cache or the file; None if never written."""
        chunks = {i: self._cache[number, i] for i in wanted}
        missing = [i for i, chunk in chunks.items() if chunk is None]
        if missing:
            with Path(page.path).open("rb") as file:
                for i in missing:
                    if (chunk := page.decode(i, file)) is not None:
                        chunks[i] = self._cache[number, i] = chunk
        return chunks
