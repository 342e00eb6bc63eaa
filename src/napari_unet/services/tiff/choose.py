"""Which image of a file is opened, where it holds several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_LISTED = 12
"""Images of a file that a message lists."""


def choose_image(path: Path, images: Sequence[str], series: int | None) -> int:
    """Return the number of the image to open.

    Parameters
    ----------
    path
        The file, for messages.
    images
        A word on each of its images, such as its name or shape.
    series
        The number wanted, from 0; None: the only one.

    Raises
    ------
    UserError
        When there are several and none is wanted, or there is none of that number.
    """
    if series is None and len(images) > 1:
        listed = "; ".join(f"{i}: {image}" for i, image in enumerate(images[:MAX_LISTED]))
        more = f"; and {len(images) - MAX_LISTED} more" if images[MAX_LISTED:] else ""
        raise UserError(
            f"{path.name} holds several images",
            value=listed + more,
            rule="None of them is left out without a word.",
            remedy="Choose one by `series=0`; “segment” takes them all.",
        )
    number = series or 0
    if not 0 <= number < len(images):
        raise UserError(
            f"{path.name} has no image number {series}",
            value=f"{len(images)} image(s)",
            rule="The images of a file are numbered from 0.",
            remedy="Choose an image that the file has.",
        )
    return number
