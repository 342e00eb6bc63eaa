"""A first pass over an image: how large its objects are.

The network is shown a small part of the image at scales that double, from one at which all of it fits
into a small window on. As long as it tells objects well, these become twice as large from scale to
scale; fragments of objects that are far too large for the network do not, nor does noise. So the first
scale at which the objects have doubled, are not tiny, and the network is certain of them, gives their
diameter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import TYPE_CHECKING

from napari_unet.core.diameter.field import Field
from napari_unet.core.diameter.look import (
    NOTE,
    SMALLEST_SEEN,
    Seen,
    see,
    window_at,
    window_pixels,
)
from napari_unet.core.image.scale import proportions
from napari_unet.core.objects.diameters import TWO_SIZES_RATIO, two_sizes, typical
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.inference.predictor import Predictor
    from napari_unet.core.progress import Job

LARGEST_SCALE = 4
"""The image is not enlarged more."""
SAME = (0.72, 1.6)
"""Ratio of the diameters found at two scales if the objects are the same; at the coarser one the smaller
part of an object is found."""
SAME_IF_CUT = (0.5, 1.6)
"""The same, where the window at the finer scale cuts the objects."""
FEW, LARGE = 2, 40.0
"""So few objects of more than so many pixels of the scale may be clumps: finer scales are seen, too."""
FRAMES = 3
"""Planes or volumes that are looked at, as long as nothing is found."""
FEW_LARGE = 3
"""So many objects that are much larger than those found make it worthwhile to look for two sizes …"""
WIDER = 4
"""… in a window with so many times the pixels."""


@dataclass(frozen=True)
class DiameterEstimate:
    """How large the objects of an image are.

    Attributes
    ----------
    diameter
        Typical diameter in pixels along X; between the two where there are `two_sizes`. None if no
        objects were found at any scale.
    objects
        How many objects were measured.
    two_sizes
        Typical diameters of small and large objects, where these differ very much.
    certain
        Whether the network found the same objects at two scales.
    membranes
        Whether the network finds membranes, which have no diameter.
    seconds
        Time that the network took for each pixel.
    """

    diameter: float | None = None
    objects: int = 0
    two_sizes: tuple[float, float] | None = None
    certain: bool = False
    membranes: bool = False
    seconds: float = 0.0


def estimate_diameter(frames: Sequence[Frame], predictor: Predictor) -> Job[DiameterEstimate]:
    """Estimate how large the objects of an image are, in a time that does not depend on its size.

    Parameters
    ----------
    frames
        Its planes or volumes.
    predictor
        Runs the model, with the normalisation it runs with later.

    Yields
    ------
    Progress
        After each scale.

    Raises
    ------
    UserError
        When memory does not suffice.
    """
    places = dict.fromkeys(len(frames) * i // (FRAMES + 1) for i in (2, 1, 3))
    found = DiameterEstimate()
    for i, place in enumerate(places):
        frame = frames[min(place, len(frames) - 1)]
        yield Progress(i, len(places), NOTE)
        stretched = proportions(frame.image, frame.spatial, predictor.spec.pixel_size)
        field = Field.read(frame, stretched, predictor.normalization)
        seen = yield from _look(field, predictor)
        found = _conclusion(seen)
        if found.diameter is not None or found.membranes:
            return (yield from _with_two_sizes(found, seen, field, predictor))
    return found


def _look(field: Field, predictor: Predictor) -> Job[list[Seen]]:
    """Look at doubling scales until the objects of two are the same."""
    most = window_pixels(field)
    scale = 1.0
    while prod(field.shape(scale)) > most:
        scale /= 2
    seen: list[Seen] = []
    while scale <= LARGEST_SCALE:
        window = window_at(field, scale, most, seen[-1] if seen else None)
        seen.append((yield from see(field, scale, window, predictor)))
        yield Progress(0, 1, NOTE)
        if (_agree(seen) and not _may_be_clump(seen[-1])) or _are_membranes(seen):
            break
        scale *= 2
    return seen


def _agree(seen: Sequence[Seen]) -> bool:
    """Whether the last two scales show the same objects."""
    if len(seen) < 2:
        return False
    before, now = seen[-2:]
    if not (before.diameter and now.usable):
        return False
    low, high = SAME_IF_CUT if now.is_cut and before.usable else SAME
    return low <= now.diameter / before.diameter <= high


def _may_be_clump(seen: Seen) -> bool:
    """Whether what was found may be a clump of objects that are too small to be seen at this scale."""
    return len(seen.diameters) <= FEW and seen.diameter * seen.scale > LARGE


def _are_membranes(seen: Sequence[Seen]) -> bool:
    """Whether what the network finds has no diameter."""
    return sum(each.membranes for each in seen) > 1


def _conclusion(seen: Sequence[Seen]) -> DiameterEstimate:
    seconds = min(each.seconds for each in seen)
    usable = [each for each in seen if each.usable]
    if not usable or _are_membranes(seen):
        return DiameterEstimate(membranes=_are_membranes(seen), seconds=seconds)
    pairs = [seen[i : i + 2] for i in range(len(seen) - 1) if _agree(seen[i : i + 2])]
    certain = bool(pairs)
    if certain:
        pair = next((each for each in pairs if len(each[-1].diameters) > FEW), pairs[0])
        # at the scale at which more objects are in the window
        best = max((each for each in pair if each.usable), key=lambda s: len(s.diameters))
    else:
        # fragments at finer scales are many
        best = usable[0]
    return DiameterEstimate(best.diameter, len(best.diameters), certain=certain, seconds=seconds)


def _with_two_sizes(
    found: DiameterEstimate, seen: Sequence[Seen], field: Field, predictor: Predictor
) -> Job[DiameterEstimate]:
    """Look again, in a wider window, where some objects seemed to be much larger than those found."""
    small = found.diameter
    if small is None:
        return found
    large: list[float] = []
    for each in seen:
        sizes = each.diameters / each.scale
        big = sizes[(each.diameters >= SMALLEST_SEEN) & (sizes >= TWO_SIZES_RATIO * small)]
        if len(big) >= FEW_LARGE:
            large.append(typical(big))
    if not large:
        return found
    # small ones are seen, large ones not torn apart
    scale = min(SMALLEST_SEEN / small, LARGEST_SCALE)
    most = WIDER * window_pixels(field)
    window = window_at(field, scale, most)
    again = yield from see(field, scale, window, predictor)
    both = two_sizes(again.diameters / scale)
    if both is None or not SAME[0] <= both[0] / small <= SAME[1]:
        return found
    return replace(found, diameter=sqrt(prod(both)), two_sizes=both)
