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
    """Pair files of one name; where no names are the same, files in their order.

    Parameters
    ----------
    images, labels
        The files.
    noun
        What the first are called in messages.

    Raises
    ------
    UserError
        When there are more of one than of the other, or only some share their names.
    """
    if len(images) != len(labels):
        raise UserError(
            f"{noun.capitalize()} and labels don't pair up",
            value=f"{len(images)} of {noun}, {len(labels)} of labels",
            rule=f"Files of {noun} need one file of labels each.",
            remedy="Give as many of one as of the other, in the same order or under the same names.",
        )
    named = {path.stem: path for path in labels}
    alone = [path for path in images if path.stem not in named]
    unique = len(named) == len(labels) and len({path.stem for path in images}) == len(images)
    if not unique or len(alone) == len(images):
        return list(zip(images, labels, strict=True))
    if alone:
        raise UserError(
            f"Some {noun} have no labels of their name, others have",
            value=", ".join(path.name for path in alone[:5]),
            rule=f"Labels have the names of their {noun}, or none has and they come in the same order.",
            remedy="Rename these, or leave them out.",
        )
    return [(path, named[path.stem]) for path in images]
