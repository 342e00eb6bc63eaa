"""Which file of labels belongs to which image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def pair_files(
    images: Sequence[Path], labels: Sequence[Path], noun: str = "images"
) -> list[tuple[Path, Path]]:
    """Pair files with the same name or, if no names match, in their order.

    Parameters
    ----------
    images, labels
        The files.
    noun
        What messages call the images.

    Raises
    ------
    UserError
        When their numbers differ, or only some names match.
    """
    if len(images) != len(labels):
        raise UserError(
            f"{noun.capitalize()} and labels don't pair up",
            value=f"{len(images)} {noun}, {len(labels)} labels",
            rule=f"Each of the {noun} needs one file of labels.",
            remedy="Give the same number of both, with the same names or in the same order.",
        )
    named = {path.stem: path for path in labels}
    unmatched = [path for path in images if path.stem not in named]
    unique = len(named) == len(labels) and len({path.stem for path in images}) == len(images)
    if not unique or len(unmatched) == len(images):
        return list(zip(images, labels, strict=True))
    if unmatched:
        raise UserError(
            f"Only some {noun} have labels with the same name",
            value=f"none for {', '.join(path.name for path in unmatched[:5])}",
            rule=f"Either all labels have the names of their {noun}, or none has and the order counts.",
            remedy="Rename these, or leave them out.",
        )
    return [(path, named[path.stem]) for path in images]
