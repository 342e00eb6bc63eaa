"""Whether labels lie on what an image shows: their correlation, compared with shifts and flips."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIDE = 128
"""Planes are compared at this size."""
MARGIN, RATIO, LEAST = 0.1, 1.25, 0.25
"""Another position counts if its correlation is so much larger, so many times as large, and this large.

On 491 fields of nuclei no other position is ever better than the right one.
"""
ZOOMS = (0.5, 2.0)
TURNS = {
    (False, True, False): "flipped top to bottom",
    (False, False, True): "flipped left to right",
    (False, True, True): "turned by 180°",
    (True, False, False): "transposed",
    (True, True, False): "turned by 90°",
    (True, False, True): "turned by 90°",
    (True, True, True): "transposed along the other diagonal",
}


@dataclass(frozen=True, eq=False)
class Look:
    """A plane and its labels, small enough to be compared.

    Attributes
    ----------
    image, mask
        Logarithm of the intensities, and part of each pixel that is labelled; mean 0, length 1.
    factor
        Pixels of the plane along a pixel of these.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.float32]
    factor: int

    @property
    def agreement(self) -> float:
        """Correlation of image and labels, whichever is brighter, 0 to 1."""
        return abs(float((self.image * self.mask).sum()))


@dataclass(frozen=True)
class Better:
    """A position of the labels that agrees better with the image.

    Attributes
    ----------
    turn
        How they would have to be turned, in words; empty if not.
    shift
        By how many pixels along (y, x) they would have to be moved.
    before, after
        Correlation as they lie and as they should lie.
    """

    turn: str
    shift: tuple[int, int]
    before: float
    after: float


def look(plane: NDArray[Any], labels: NDArray[Any]) -> Look:
    """Make a plane and its labels comparable.

    Parameters
    ----------
    plane
        (Y, X) finite intensities.
    labels
        (Y, X); all but 0 is one.
    """
    factor = max(1, -(-max(plane.shape) // SIDE))
    values = plane.astype(np.float32)
    low, high = np.percentile(values[::2, ::2], [1, 99.5])
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 2)
    logarithm = np.log(scaled + 0.05)
    mask = (labels > 0).astype(np.float32)
    return Look(_unit(_blocks(logarithm, factor)), _unit(_blocks(mask, factor)), factor)


def better_position(seen: Look) -> Better | None:
    """Return how labels would have to be turned or moved to lie on what the image shows.

    Parameters
    ----------
    seen
        The plane and its labels.

    Returns
    -------
    Better or None
        None if they lie well, or no other position is clearly better.
    """
    spectrum = np.fft.rfft2(seen.image)
    before, best = 0.0, Better("", (0, 0), 0.0, 0.0)
    for turn, mask in _turned(seen.mask):
        spectrum_of_mask = np.conj(np.fft.rfft2(mask))
        values = np.abs(np.fft.irfft2(spectrum * spectrum_of_mask, s=mask.shape))
        if not turn:
            near = np.ix_((-1, 0, 1), (-1, 0, 1))
            before = float(values[near].max())
            values[near] = 0
        y, x = np.unravel_index(int(values.argmax()), values.shape)
        if values[y, x] > best.after:
            at = tuple(
                (int(i) if i <= n // 2 else int(i) - n) * seen.factor
                for i, n in zip((y, x), values.shape, strict=True)
            )
            best = Better(turn, (at[0], at[1]), before, float(values[y, x]))
    return best if clearly_better(best.after, before) else None


def clearly_better(other: float, own: float) -> bool:
    """Whether a correlation is so much larger than another one that it can't be chance."""
    return other > max(own + MARGIN, own * RATIO, LEAST)


def better_zoom(seen: Look) -> float | None:
    """Return by which factor labels would have to be enlarged, from the first pixel or the middle."""
    own, best = seen.agreement, (0.0, 1.0)
    for zoom, centred in product(ZOOMS, (False, True)):
        mask = _zoomed(seen.mask, zoom, centred)
        best = max(best, (abs(float((seen.image * _unit(mask)).sum())), zoom))
    return best[1] if clearly_better(best[0], own) else None


def _zoomed(mask: NDArray[np.float32], zoom: float, centred: bool) -> NDArray[np.float32]:
    index = []
    for n in mask.shape:
        middle = (n - 1) / 2 if centred else 0.0
        index.append(np.rint((np.arange(n) - middle) / zoom + middle).astype(int))
    inside = np.ix_(*((i >= 0) & (i < n) for i, n in zip(index, mask.shape, strict=True)))
    zoomed = mask[np.ix_(*(i.clip(0, n - 1) for i, n in zip(index, mask.shape, strict=True)))]
    out = np.full_like(mask, mask.min())
    out[inside] = zoomed[inside]
    return out


def _turned(mask: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    yield "", mask
    for (transposed, down, across), words in TURNS.items():
        if transposed and mask.shape[0] != mask.shape[1]:
            continue
        turned = mask.T if transposed else mask
        yield words, turned[:: -1 if down else 1, :: -1 if across else 1]


def _blocks(plane: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    height, width = (n // factor * factor for n in plane.shape)
    blocks = plane[:height, :width].reshape(height // factor, factor, width // factor, factor)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 1e-9 else np.zeros_like(centred)
