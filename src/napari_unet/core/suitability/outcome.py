"""Whether what a network found in an image can be right, as far as that shows without the truth.

The limits were set by what the bundled networks find in images that they suit and in others
(`benchmarks/outcome.py` prints the table): each lies between what is right and what is not. Where
something may be right, such as cells that fill all of an image, nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Subject = Literal["nothing", "too much", "one object", "specks", "unsure", "another kind"]

FEWEST_PIXELS = 10_000
"""In a smaller image a few objects may well be all there is."""
POSSIBLE, CLEAR = 0.1, 0.9
"""Where the probability of the foreground is between these, the network is unsure."""
UNSURE, SOMEWHAT_UNSURE = 0.8, 0.4
"""Part of the possible foreground that it is unsure of: of most where it is lost, and of some where the
image is of another kind than it learnt."""
MUCH, TOO_MUCH = 0.5, 0.7
"""Part of the pixels that are foreground: in an image of another kind; in any with a large object."""
ONE_LARGE = 0.25
"""Part of a plane or volume."""
SPECK, MOST, FEWEST_OBJECTS = 0.25, 0.6, 10
"""Objects are specks if they are narrower than this part of the expected diameter; told if that many of
them are, of at least so many objects."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a network found in an image.

    Attributes
    ----------
    histogram
        (256,) pixels by the probability of the foreground, as a byte.
    threshold
        Probability above which a pixel is foreground.
    diameters
        (n,) of the objects, in pixels; None if the labels are classes.
    largest
        Part of a plane or volume that the largest object has.
    expected
        How wide objects should be, in pixels; None if that is not known.
    """

    histogram: NDArray[np.int64]
    threshold: float
    diameters: NDArray[np.float64] | None = field(default=None)
    largest: float = 0.0
    expected: float | None = None

    @property
    def foreground(self) -> float:
        """Part of the pixels that are foreground."""
        return self._above(self.threshold) / max(int(self.histogram.sum()), 1)

    @property
    def unsure(self) -> float:
        """Part of the possible foreground that the network is unsure of."""
        possible = self._above(POSSIBLE)
        return (possible - self._above(CLEAR)) / possible if possible else 0.0

    @property
    def specks(self) -> float:
        """Part of the objects that are far too small."""
        if self.diameters is None or not len(self.diameters) or self.expected is None:
            return 0.0
        return float((self.diameters < SPECK * self.expected).mean())

    def _above(self, probability: float) -> int:
        return int(self.histogram[int(probability * 255) + 1 :].sum())


def doubted(found: Found, pixels: int, *, misfits: bool) -> Subject | None:
    """Return what speaks against a result, if anything.

    Parameters
    ----------
    found
        The result.
    pixels
        How many the image has.
    misfits
        Whether the network learnt another kind of images than this looks like.

    Returns
    -------
    Subject or None
        The worst.
    """
    nothing = not found.histogram[int(found.threshold * 255) + 1 :].any()
    if nothing if found.diameters is None else not len(found.diameters):
        return "nothing"
    if pixels < FEWEST_PIXELS:
        return None
    if misfits and found.foreground >= MUCH:
        return "too much"
    if found.foreground >= TOO_MUCH and found.largest >= ONE_LARGE:
        return "one object"
    n = 0 if found.diameters is None else len(found.diameters)
    if n >= FEWEST_OBJECTS and found.specks >= MOST:
        return "specks"
    if found.unsure >= UNSURE:
        return "unsure"
    return "another kind" if misfits and found.unsure >= SOMEWHAT_UNSURE else None


def may_be_doubted(found: Found) -> bool:
    """Whether it is worth a look at the image: nothing speaks against other results."""
    return doubted(found, FEWEST_PIXELS, misfits=True) is not None
