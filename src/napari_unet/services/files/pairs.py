"""Which file of labels belongs to which image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.services.files.images import find_images
from napari_unet.services.files.labels import find_labels
from napari_unet.services.files.names import (
    distinct_parts,
    key_of,
    labels_apart,
    numbers_in,
    stem_of,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from pathlib import Path

    Keys = Sequence[Hashable]

SHOWN = 8
"""So many pairs are shown in an error."""


@dataclass(frozen=True)
class FilePairs:
    """Images with their labels.

    Attributes
    ----------
    pairs
        Each image and its labels, in the order of the images.
    unlabelled
        Images that are left out: in one folder with the others, but without labels.
    by_name
        Whether the names say what belongs together; else the files are paired in their order.
    """

    pairs: tuple[tuple[Path, Path], ...]
    unlabelled: tuple[Path, ...] = ()
    by_name: bool = True

    def __str__(self) -> str:
        lines = [f"{image.name} – {labels.name}" for image, labels in self.pairs]
        if not self.by_name and len(lines) > 1:
            lines.insert(0, "The names don't say what belongs together; paired in their order:")
        if self.unlabelled:
            names = ", ".join(path.name for path in self.unlabelled)
            lines.append(f"Left out, without labels: {names}")
        return "\n".join(lines)


def find_pairs(
    images: Sequence[str | Path],
    labels: Sequence[str | Path],
    noun: str = "images",
    *,
    in_order: bool = False,
) -> FilePairs:
    """Find the files that are given, and pair them.

    Parameters
    ----------
    images, labels
        Files, folders or patterns.
    noun, in_order
        As for `pair_files`.

    Raises
    ------
    UserError
        When files are missing or can't be paired.
    """
    find = find_images if noun == "images" else find_labels
    return pair_files(find(images), find_labels(labels), noun, in_order=in_order)


def pair_files(
    images: Sequence[Path],
    labels: Sequence[Path],
    noun: str = "images",
    *,
    in_order: bool = False,
) -> FilePairs:
    """Pair images with their labels by name or, where names say nothing, in their order.

    Names match if they are the same but for the words of the field, such as ``_masks``, ``-label``,
    ``mask_`` or ``_img``; else if their parts that differ within each list are the same; else if their
    numbers are. Both may be in one folder, given twice: a file is never its own label.

    Parameters
    ----------
    images, labels
        The files.
    noun
        What messages call the images.
    in_order
        Whether they are paired in their order, whatever their names.

    Raises
    ------
    UserError
        When labels have no image or, unless both are in one folder, an image has no labels; when names
        contradict the order, or numbers differ and no names match. It shows what would be paired.
    """
    images, labels, mixed = _apart(images, labels, noun)
    single = len(images) == len(labels) == 1
    found = None if in_order or single else _by_names(images, labels, noun)
    if found is not None:
        left = tuple(path for path in images if path not in found)
        if left and not mixed:
            raise _contradiction(images, labels, found, noun)
        return FilePairs(tuple(found.items()), left)
    if len(images) != len(labels):
        raise UserError(
            f"{noun.capitalize()} and labels don't pair up",
            value=f"{len(images)} {noun}, {len(labels)} labels",
            rule=f"Each of the {noun} needs one file of labels, with its name or in the same order.",
            remedy="Give the same number of both, or name the labels like their images.",
        )
    named = len(images) == 1 or _confirmed(images, labels)
    return FilePairs(tuple(zip(images, labels, strict=True)), by_name=named)


def _apart(
    images: Sequence[Path], labels: Sequence[Path], noun: str
) -> tuple[Sequence[Path], Sequence[Path], bool]:
    """Separate images and labels, and return whether they were mixed in one folder."""
    if noun != "images":
        # predictions are labels, too, and may be compared with themselves
        return images, labels, False
    images = labels_apart(images).images
    known = {p.absolute() for p in images}
    shared = [p.name for p in labels if p.absolute() in known]
    if shared:
        labels = labels_apart(labels).labels
    if shared and not labels:
        raise UserError(
            "Images and labels don't pair up: some files are given as both",
            value=", ".join(shared[:5]),
            rule="A file is never its own label. In one folder, labels are called like their image with "
            "a word such as _masks or _labels after it.",
            remedy="Give the labels, or rename them.",
        )
    return images, labels, bool(shared)


def _by_names(images: Sequence[Path], labels: Sequence[Path], noun: str) -> dict[Path, Path] | None:
    """Return the labels of images as names tell; None where they tell nothing."""
    some: dict[Path, Path] = {}
    for image_keys, label_keys in _exact_keys(images, labels):
        found = _matches(images, labels, image_keys, label_keys) or {}
        if len(found) == len(labels):
            return found
        some = found or some
    if some:
        raise _contradiction(images, labels, some, noun)
    for image_keys, label_keys in _loose_keys(images, labels):
        loose = _matches(images, labels, image_keys, label_keys)
        if loose and len(loose) == len(labels):
            return loose
        if loose or (loose is not None and _single_numbers([*image_keys, *label_keys])):
            raise _contradiction(images, labels, loose, noun)
    return None


def _exact_keys(images: Sequence[Path], labels: Sequence[Path]) -> Iterator[tuple[Keys, Keys]]:
    """Return keys by which names are the same, the strictest first."""
    stems = [[stem_of(p).casefold() for p in paths] for paths in (images, labels)]
    yield stems[0], stems[1]
    yield [key_of(stem_of(p)) for p in images], [key_of(stem_of(p)) for p in labels]


def _loose_keys(images: Sequence[Path], labels: Sequence[Path]) -> Iterator[tuple[Keys, Keys]]:
    """Return keys by which only a part of each name is the same."""
    words = [[key_of(stem_of(p)) for p in paths] for paths in (images, labels)]
    if len(images) > 1 and len(labels) > 1:
        yield distinct_parts(words[0]), distinct_parts(words[1])
    yield [numbers_in(k) for k in words[0]], [numbers_in(k) for k in words[1]]


def _matches(
    images: Sequence[Path], labels: Sequence[Path], image_keys: Keys, label_keys: Keys
) -> dict[Path, Path] | None:
    """Return the labels of each image with the same key; None if keys are not unique."""
    if len(set(image_keys)) < len(images) or len(set(label_keys)) < len(labels):
        return None
    named = {k: p for k, p in zip(label_keys, labels, strict=True) if k}
    found = zip(image_keys, images, strict=True)
    return {p: named[k] for k, p in found if k in named}


def _single_numbers(keys: Keys) -> bool:
    """Whether all names differ by a number alone, so that other numbers mean other images."""
    return all(isinstance(k, tuple) and len(k) == 1 and isinstance(k[0], int) for k in keys)


def _confirmed(images: Sequence[Path], labels: Sequence[Path]) -> bool:
    """Whether names that occur several times, as in several folders, are the same in their order."""
    return any(list(a) == list(b) for a, b in _exact_keys(images, labels))


def _contradiction(
    images: Sequence[Path], labels: Sequence[Path], found: dict[Path, Path], noun: str
) -> UserError:
    used = set(found.values())
    strays = [f"no {noun[:-1]} – {path.name}" for path in labels if path not in used]
    alone = [f"{path.name} – no labels" for path in images if path not in found]
    pairs = [f"{image.name} – {path.name}" for image, path in found.items()]
    shown = strays[: SHOWN // 2] + alone[: SHOWN // 4]
    shown += pairs[: SHOWN - len(shown)]
    more = len(strays) + len(alone) + len(pairs) - len(shown)
    return UserError(
        f"{noun.capitalize()} and labels don't pair up by their names",
        value="; ".join(shown) + (f"; and {more} more" if more else ""),
        rule=f"Where names of some labels match those of the {noun}, all of them must.",
        remedy="Rename the files or leave out those that don't belong, or pair them in the order given "
        "with `in_order=True`.",
    )
