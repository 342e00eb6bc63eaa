"""What is ruled out before the header of a TIFF file is believed.

A header that is damaged, or made to do harm, can keep its parser busy for ever or make it ask for all
the memory there is.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from napari_unet.services.tiff.pages import damaged

MOST_PLANES = 10_000_000
"""An OME header that speaks of more planes than this is damaged."""
LONGEST_LOOP = 99
"""Pages in a circle, up to which tifffile notices it."""


def check_header(file: Any) -> None:
    """Raise a `UserError` if an open ``tifffile.TiffFile`` should not be read further."""
    path = file.filehandle.path
    if not file.pages:
        raise damaged(path, "no image in it")
    pages, following = follow_pages(file)
    if following >= file.filehandle.size:
        raise damaged(path, f"the pages after the first {pages} are missing")
    if following:
        if pages > LONGEST_LOOP:
            raise damaged(path, "pages that follow each other in a circle")
        len(file.pages)  # tifffile only looks for a circle when it counts them all at once
    if file.is_ome and planes_announced(file.ome_metadata) > MOST_PLANES:
        raise damaged(path, "an OME header with absurd sizes")


def follow_pages(file: Any) -> tuple[int, int]:
    """Follow the chain of pages and count them.

    Returns
    -------
    pages : int
        How many there are.
    following : int
        Where the last says that another one is: 0 at a proper end, a page seen already if they run
        in a circle, beyond the file if it is cut short or unreadable there.
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
    """Count the planes an OME header speaks of, without believing any of it."""
    number = r"\s*=\s*[\"'](\d{1,20})"
    counts = [int(n) for n in re.findall(rf"\b(?:PlaneCount|NumPlanes|IFD){number}", ome_xml)]
    for pixels in re.findall(r"<[^<>]*\bSizeC\b[^<>]*>", ome_xml):
        counts.append(math.prod(int(n) for n in re.findall(rf"\bSize[ZCT]{number}", pixels)))
    return max(counts, default=0)
