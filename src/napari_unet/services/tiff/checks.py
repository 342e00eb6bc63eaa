"""Checks of the header of a TIFF file before it is trusted.

A damaged or malicious header can keep its parser busy forever or make it request all memory.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from napari_unet.services.tiff.pages import damaged

MAX_PLANES = 10_000_000
"""An OME header that announces more planes than this is damaged."""
MAX_LOOP = 99
"""Number of pages in a circle up to which tifffile notices it."""


def check_header(file: Any) -> None:
    """Raise a `UserError` if an open ``tifffile.TiffFile`` should not be read further."""
    path = file.filehandle.path
    if not file.pages:
        raise damaged(path, "no image in it")
    pages, following = follow_pages(file)
    if following >= file.filehandle.size:
        raise damaged(path, f"the pages after the first {pages} are missing")
    if following:
        if pages > MAX_LOOP:
            raise damaged(path, "pages that follow each other in a circle")
        len(file.pages)  # tifffile only looks for a circle when it counts them all at once
    if file.is_ome and planes_announced(file.ome_metadata) > MAX_PLANES:
        raise damaged(path, "an OME header with absurd sizes")


def follow_pages(file: Any) -> tuple[int, int]:
    """Follow the chain of pages and count them.

    Returns
    -------
    pages : int
        Their number.
    following : int
        Offset of the next page according to the last one: 0 at a proper end, an earlier page if they
        run in a circle, beyond the file if it is truncated or unreadable there.
    """
    form, handle = file.tiff, file.filehandle
    seen: set[int] = set()
    offset = file.pages.first.offset
    while 0 < offset < handle.size:
        if offset in seen:
            break
        seen.add(offset)
        handle.seek(offset)
        try:
            (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
            rest = handle.read(tags * form.tagsize + form.offsetsize) if tags <= 4096 else b""
            (offset,) = struct.unpack(form.offsetformat, rest[-form.offsetsize :])
        except struct.error:
            return len(seen), handle.size
    return len(seen), offset


def planes_announced(ome_xml: str) -> int:
    """Count the planes an OME header announces, without trusting it."""
    number = r"\s*=\s*[\"'](\d{1,20})"
    counts = [int(n) for n in re.findall(rf"\b(?:PlaneCount|NumPlanes|IFD){number}", ome_xml)]
    for pixels in re.findall(r"<[^<>]*\bSizeC\b[^<>]*>", ome_xml):
        counts.append(math.prod(int(n) for n in re.findall(rf"\bSize[ZCT]{number}", pixels)))
    return max(counts, default=0)
