"""What the names of files say: which are labels, and of which image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from napari_unet.services.omezarr.store import Place, is_zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

Key = tuple[str | int, ...]
"""Words and numbers of a name, in lower case; leading zeros don't count."""

LABEL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "mask masks label labels lbl lbls seg segs segm segmentation segmentations segmented gt truth "
        "groundtruth annotation annotations annot annotated instance instances roi rois roiset paint "
        "scribbles",
    )
)
"""Words that the field puts before or after an image's name to name its labels."""
BESIDE_LABEL_WORDS = frozenset({"cp", "man", "manual", "ground"})
"""Words that only count beside these, as in ``_cp_masks``, ``man_seg`` and ``ground_truth``."""
IMAGE_WORDS = frozenset(
    {"img", "imgs", "image", "images", "im", "raw", "orig", "original", "input"}
)
RESULT_WORDS = frozenset(
    {"pred", "preds", "predicted", "prediction", "predictions", "result", "results"}
)
LABEL_SUFFIXES = (".npy", ".zip", ".roi", ".geojson")
"""Files that hold labels whatever they are called: Cellpose's, and regions of ImageJ and QuPath."""


class Apart(NamedTuple):
    """Files, those that are labels of others apart."""

    images: list[Path]
    labels: list[Path]


def stem_of(path: Path) -> str:
    """Return a file's name without its suffixes; ``.ome`` is one of them."""
    if is_zarr(path):
        return Place.of(path).name
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def key_of(name: str) -> Key:
    """Return the words and numbers of a name without those that say *image*, *labels* or *result*.

    Parameters
    ----------
    name
        Of a file without suffixes, or of a layer.
    """
    return _strip(_strip(_words(name), _label_words), _other_words)


def named_as_labels(name: str) -> bool:
    """Whether a name without suffixes starts or ends like that of a label file."""
    words = _words(name)
    return _strip(words, _label_words) != words


def share_key(name: str, other: str) -> bool:
    """Whether an image and labels have the same name but for the words that say what they are."""
    return bool(key_of(name)) and key_of(name) == key_of(other)


def labels_apart(paths: Iterable[Path]) -> Apart:
    """Separate label files from images, where both are in one list.

    A file is labels if it is named as the labels of another one in the list, or of a type that holds
    nothing else.

    Parameters
    ----------
    paths
        The files.
    """
    paths = list(paths)
    marked = {p for p in paths if named_as_labels(stem_of(p))}
    keys = {key_of(stem_of(p)) for p in paths if p not in marked}
    labels = [p for p in paths if _only_labels(p) or (p in marked and key_of(stem_of(p)) in keys)]
    return Apart([p for p in paths if p not in set(labels)], labels)


def _only_labels(path: Path) -> bool:
    return path.suffix.lower() in LABEL_SUFFIXES and not is_zarr(path)


def distinct_parts(keys: Sequence[Key]) -> list[Key]:
    """Return what differs between names: their words without those with which all start or end."""
    shortest = min(map(len, keys), default=0)
    start = next((i for i in range(shortest) if len({k[i] for k in keys}) > 1), shortest)
    rest = [k[start:] for k in keys]
    shortest = min(map(len, rest), default=0)
    end = next((i for i in range(shortest) if len({k[-1 - i] for k in rest}) > 1), shortest)
    return [k[: len(k) - end] for k in rest]


def numbers_in(key: Key) -> Key:
    """Return the numbers of a name."""
    return tuple(word for word in key if isinstance(word, int))


def _words(name: str) -> Key:
    # a capital starts a word
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    found = re.findall(r"\d+|[^\W\d_]+", spaced.casefold())
    return tuple(int(word) if word.isdecimal() else word for word in found)


def _label_words(words: Key) -> int:
    """Return how many words at the start say that a file holds labels."""
    n = 0
    while n < len(words) and words[n] in LABEL_WORDS | BESIDE_LABEL_WORDS:
        n += 1
    return n if any(word in LABEL_WORDS for word in words[:n]) else 0


def _other_words(words: Key) -> int:
    n = 0
    while n < len(words) and words[n] in IMAGE_WORDS | RESULT_WORDS:
        n += 1
    return n


def _strip(words: Key, count: Callable[[Key], int]) -> Key:
    """Leave out as many words as `count` says, first at the start and then at the end."""
    words = words[count(words) :]
    return words[: len(words) - count(words[::-1])]
