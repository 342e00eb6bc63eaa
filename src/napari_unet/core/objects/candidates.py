"""Objects that a click may mean, from small to large: a person rolls through them and takes one.

They are drawn from the network's outputs at several thresholds, from the brightness around the click,
and from how far a front comes that starts at the click and is slow across edges. Most are alike; what
is left is in the order of size, with one that is probably meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_unet.core.inference.outputs import UINT8_SCALE
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.model.spec import OBJECT_OUTPUTS
from napari_unet.core.objects.find import components, find_objects, object_masks
from napari_unet.core.objects.watershed import divide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

FOREGROUND = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SEEDS = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
SPLIT_FOREGROUND, CORE_SEEDS = (0.2, 0.5), (0.4, 0.6)
BRIGHTNESS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
"""Shares of the way from the darkest surroundings to the click."""
REACH = (0.2, 0.28, 0.38, 0.5, 0.65, 0.85, 1.1)
"""How far a front comes from the click, in diameters."""
OUTSIDE, BOUNDARY, EDGE = 4.0, 4.0, 2.0
"""How much a front is slowed outside the foreground, on the boundary map, and at edges of the image."""
HALF_WINDOW, LEAST_WINDOW, MOST_WINDOW = 2.0, 24, 160
"""The window around the click: so many diameters, or pixels, to each side."""
SEEN_DIAMETER = 24
"""Of larger objects only every nth pixel is looked at, so that a click takes no longer."""
SMALLEST, LARGEST = 0.02, 9.0
"""Limits of the area, in areas of a typical object."""
ALIKE = 0.65
"""Of two candidates with an IoU from here on, the less likely is left out."""
MOST = 9
"""Candidates that are kept."""
WEIGHTS = {
    "probability": 2.3,
    "contrast": 3.2,
    "typical": 1.0,
    "as it is": -5.3,
    "others": -3.9,
    "size": -1.1,
    "front": 1.4,
}
"""How likely a candidate is: weights of a logistic regression on objects that the network for nuclei got
wrong in its own training images (`benchmarks/candidates.py` judges by others)."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A part of a plane that may be the object.

    Attributes
    ----------
    corner
        Where the mask begins in the plane, (Y, X).
    mask
        (y, x) within a window of the plane.
    """

    corner: tuple[int, int]
    mask: Mask

    @property
    def pixels(self) -> NDArray[np.intp]:
        """Its pixels in the plane, (n, 2)."""
        found: NDArray[np.intp] = np.argwhere(self.mask) + self.corner
        return found


@dataclass(frozen=True, eq=False)
class _Around:
    """What is known around a click: windows of the plane, and the click in them."""

    pixels: NDArray[np.float32]
    maps: NDArray[np.uint8] | None
    labels: NDArray[Any]
    click: tuple[int, int]
    diameter: float

    @cached_property
    def smooth(self) -> NDArray[np.float32]:
        """The image without its noise."""
        smooth: NDArray[np.float32] = ndimage.gaussian_filter(
            self.pixels, max(self.diameter / 16, 0.7)
        )
        return smooth

    @cached_property
    def foreground(self) -> NDArray[np.float32]:
        """How likely each pixel is part of an object, from 0 to 1; without maps, how bright it is."""
        if self.maps is not None:
            known: NDArray[np.float32] = self.maps[0].astype(np.float32) / UINT8_SCALE
            return known
        around, here = float(np.median(self.smooth)), float(self.smooth[self.click])
        step = here - around if abs(here - around) > 0 else 1.0
        brightness: NDArray[np.float32] = np.clip((self.smooth - around) / step, 0, 1)
        return brightness


def object_candidates(
    pixels: NDArray[Any],
    maps: NDArray[np.uint8] | None,
    labels: NDArray[Any],
    click: tuple[int, int],
    diameter: float,
) -> tuple[list[Candidate], int]:
    """Return what a click may mean.

    Parameters
    ----------
    pixels
        (Y, X): the image, one channel.
    maps
        (channels, Y, X), 255 standing for 1: the network's outputs. Three are taken for foreground,
        boundary and distance, one for foreground; None: not known.
    labels
        (Y, X): the objects as they are. The one under the click is unlikely to be meant as it is.
    click
        The pixel (Y, X) that was clicked.
    diameter
        Of a typical object, in pixels.

    Returns
    -------
    candidates : list of Candidate
        Each contains the click, from the smallest to the largest.
    first : int
        Which of them is the most likely.
    """
    window, step = _window(labels.shape, click, diameter), max(1, round(diameter / SEEN_DIAMETER))
    corner = (window[0].start, window[1].start)
    seen = tuple(slice(part.start, part.stop, step) for part in window)
    around = _Around(
        np.nan_to_num(np.asarray(pixels[seen], np.float32)),
        None if maps is None else maps[(slice(None), *seen)],
        labels[seen],
        ((click[0] - corner[0]) // step, (click[1] - corner[1]) // step),
        diameter / step,
    )
    found = _distinct(list(_drawn(around)), around)
    if not found:
        return [], 0
    first = int(np.argmax([likelihood for _, likelihood in found]))
    sizes = tuple(part.stop - part.start for part in window)
    return [Candidate(corner, _enlarged(mask, step, sizes)) for mask, _ in found], first


def _enlarged(mask: Mask, step: int, sizes: Sequence[int]) -> Mask:
    """Return a mask of every nth pixel in full size."""
    whole: Mask = mask.repeat(step, axis=0).repeat(step, axis=1)[: sizes[0], : sizes[1]]
    return whole


def _window(shape: Sequence[int], click: tuple[int, int], diameter: float) -> tuple[slice, slice]:
    half = int(np.clip(HALF_WINDOW * diameter, LEAST_WINDOW, MOST_WINDOW))
    rows, columns = (
        slice(max(c - half, 0), min(c + half + 1, n)) for c, n in zip(click, shape, strict=True)
    )
    return rows, columns


def _drawn(around: _Around) -> Iterator[tuple[Mask, bool]]:
    """Yield masks that contain the click, and whether a front has drawn them."""
    click = around.click
    if around.maps is not None:
        for mask in _from_maps(around.maps, click, around.diameter):
            yield ndimage.binary_fill_holes(mask), False
    for mask in _from_brightness(around):
        yield ndimage.binary_fill_holes(mask), False
    reached = _front(around)
    for reach in REACH:
        yield ndimage.binary_fill_holes(reached <= reach * around.diameter), True


def _from_maps(maps: NDArray[np.uint8], click: tuple[int, int], diameter: float) -> Iterator[Mask]:
    foreground = maps[0]
    for level in FOREGROUND:
        yield from _part(foreground > level * UINT8_SCALE, click)
    if len(maps) != len(OBJECT_OUTPUTS):
        return
    for level in SPLIT_FOREGROUND:
        for seed in SEEDS:
            found = find_objects(maps, ObjectOptions(foreground=level, seed=seed, smallest=0))
            if found[click]:
                yield found == found[click]
        if foreground[click] > level * UINT8_SCALE:
            for seed in CORE_SEEDS:
                yield _with_core(maps, click, diameter, ObjectOptions(foreground=level, seed=seed))


def _with_core(
    maps: NDArray[np.uint8], click: tuple[int, int], diameter: float, options: ObjectOptions
) -> Mask:
    """Return the object if the click lies in a core of its own."""
    inside, core, _ = object_masks(maps, options, ())
    cores = components(core)
    cores[cores == cores[click]] = 0
    rows, columns = np.ogrid[: inside.shape[0], : inside.shape[1]]
    radius = max(1, int(diameter / 8))
    near = (rows - click[0]) ** 2 + (columns - click[1]) ** 2 <= radius**2
    own = cores.max(initial=0) + 1
    cores[near & inside] = own
    divided = divide(components(inside), cores, maps[OBJECT_OUTPUTS.index("distance")])
    mask: Mask = divided == divided[click]
    return mask


def _from_brightness(around: _Around) -> Iterator[Mask]:
    smooth = around.smooth
    low, value = float(np.percentile(smooth, 10)), float(smooth[around.click])
    for share in BRIGHTNESS if value > low else ():
        yield from _part(smooth >= low + share * (value - low), around.click)


def _front(around: _Around) -> NDArray[np.float64]:
    """Return how far each pixel is from the click, in pixels of even ground."""
    # it takes a while to import
    from skimage.graph import MCP_Geometric

    smooth = ndimage.gaussian_filter(around.pixels, max(around.diameter / 20, 0.6))
    edges = np.hypot(*np.gradient(smooth))
    cost = 1 + EDGE * np.minimum(edges / (np.percentile(edges, 98) + 1e-6), 1)
    if around.maps is not None:
        if around.foreground[around.click] > 0.5:
            cost += OUTSIDE * (1 - around.foreground)
        if len(around.maps) == len(OBJECT_OUTPUTS):
            cost += BOUNDARY * around.maps[OBJECT_OUTPUTS.index("boundary")] / UINT8_SCALE
    distance, _ = MCP_Geometric(cost).find_costs([around.click])
    near = tuple(slice(max(c - 2, 0), c + 3) for c in around.click)
    even = float(np.median(distance[near][distance[near] > 0])) / 1.2
    reached: NDArray[np.float64] = distance / max(even, 1e-6)
    return reached


def _part(mask: Mask, click: tuple[int, int]) -> Iterator[Mask]:
    """Yield the connected part of a mask at the click, if there is one."""
    if mask[click]:
        numbers, _ = ndimage.label(mask)
        yield numbers == numbers[click]


def _distinct(drawn: Sequence[tuple[Mask, bool]], around: _Around) -> list[tuple[Mask, float]]:
    """Return the likely ones of those that differ, in the order of size, with their likelihood."""
    typical = np.pi * around.diameter**2 / 4
    low, high = max(SMALLEST * typical, 5), LARGEST * typical
    unlike = {mask.tobytes(): (mask, front) for mask, front in drawn}
    scored = [
        (_likelihood(mask, front, around, typical), mask)
        for mask, front in unlike.values()
        if low <= np.count_nonzero(mask) <= high
    ]
    scored.sort(key=lambda each: -each[0])
    kept: list[tuple[Mask, float]] = []
    for likelihood, mask in scored:
        if len(kept) < MOST and all(_iou(mask, other) < ALIKE for other, _ in kept):
            kept.append((mask, likelihood))
    return sorted(kept, key=lambda each: np.count_nonzero(each[0]))


def _likelihood(mask: Mask, front: bool, around: _Around, typical: float) -> float:
    area = float(np.count_nonzero(mask))
    own = around.labels == around.labels[around.click] if around.labels[around.click] else None
    others = (around.labels > 0) if own is None else (around.labels > 0) & ~own
    ring = ndimage.binary_dilation(mask, iterations=2) & ~mask
    inside = float(around.foreground[mask].mean())
    outside = float(around.foreground[ring].mean()) if ring.any() else 0.0
    facts = {
        "probability": inside,
        "contrast": inside - outside,
        "typical": -abs(np.log(area / typical)),
        "as it is": 0.0 if own is None else _iou(mask, own),
        "others": float(np.count_nonzero(mask & others)) / area,
        "size": np.log(area / typical),
        "front": float(front),
    }
    return float(sum(WEIGHTS[name] * value for name, value in facts.items()))


def _iou(one: Mask, other: Mask) -> float:
    both, either = int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other))
    return both / max(either, 1)
