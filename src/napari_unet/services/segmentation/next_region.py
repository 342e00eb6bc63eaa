"""Where to paint next: in an image that a network has looked at, the places it would learn most from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.survey import Where
from napari_unet.core.evaluation.next_region import Window, best_windows, block_sums, reason
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.uncertainty import uncertainty
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs


@dataclass(frozen=True)
class Place:
    """A window of an image that is worth annotating.

    Attributes
    ----------
    window
        Where it is in its plane.
    index
        Position of the plane along the label axes other than Y and X.
    why
        The reason, in words.
    """

    window: Window
    index: Mapping[str, int]
    why: str


@dataclass(frozen=True, eq=False)
class UncertaintyMap:
    """How unsure a network is of an image, coarsely.

    Attributes
    ----------
    maps
        What the network said.
    blocks
        (planes, rows, columns) float32: uncertainty, summed over blocks of 8 × 8 pixels.
    """

    maps: CachedOutputs
    blocks: NDArray[np.float32]


def uncertainty_map(maps: CachedOutputs) -> Job[UncertaintyMap]:
    """Sum up how unsure a network is, plane by plane.

    Yields
    ------
    Progress
        After each plane.
    """
    blocks = []
    for step, _, plane in _planes(maps):
        blocks.append(block_sums(uncertainty(plane, maps.spec)))
        yield step
    return UncertaintyMap(maps, np.stack(blocks))


def uncertainty_of(maps: CachedOutputs) -> Job[NDArray[np.float32]]:
    """Return how unsure a network is of each pixel, from 0 to 1, in the shape of the labels.

    Yields
    ------
    Progress
        After each plane.
    """
    found = np.zeros(maps.image.label_shape, np.float32)
    for step, frame, plane in _planes(maps):
        frame.write(found, _whole(frame), uncertainty(plane, maps.spec))
        yield step
    return found


def next_regions(
    doubts: UncertaintyMap,
    annotations: Sequence[Annotation] = (),
    *,
    visited: Sequence[Place] = (),
    count: int = 1,
) -> Job[list[Place]]:
    """Return the places where annotating would tell most, the best first.

    Parameters
    ----------
    doubts
        How unsure the network is.
    annotations
        What is annotated of the same image already: scribbles where they are painted, classes and
        objects where they apply.
    visited
        Places that are to be taken as annotated.
    count
        How many to return at most.

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    list of Place
        Fewer than wanted, or none, where nearly all is annotated or visited.
    """
    maps = doubts.maps
    cut = frames(maps.image, "YX", ())
    where = [(annotation, Where(annotation)) for annotation in annotations]
    free = []
    for i, frame in enumerate(cut):
        free.append(block_sums(~_annotated(where, frame, _whole(frame))))
        yield Progress(i + 1, len(cut), "Looking at the paint")
    windows = best_windows(
        doubts.blocks, np.stack(free), _shape(cut[0]), count, [place.window for place in visited]
    )
    found = []
    for window in windows:
        frame, box = cut[window.plane], (window.rows, window.columns)
        told = reason(_read(maps, frame, box), maps.spec, ~_annotated(where, frame, box))
        found.append(Place(window, frame.index, told))
    return found


def _annotated(
    where: Sequence[tuple[Annotation, Where]], frame: Frame, box: Box
) -> NDArray[np.bool_]:
    """Return which pixels of a window something is known of."""
    known = np.zeros([s.stop - s.start for s in box], bool)
    for annotation, applies in where:
        mask = applies(frame.index)
        if not mask:
            continue
        inside = mask.window(*box)
        if annotation.kind == "scribbles":
            known |= inside & (annotation.read(frame, box) > 0)
        elif annotation.regions or annotation.read(frame, _whole(frame)).any():
            known |= inside
    return known


def _planes(maps: CachedOutputs) -> Iterator[tuple[Progress, Frame, NDArray[np.uint8]]]:
    cut = frames(maps.image, "YX", ())
    for i, frame in enumerate(cut, 1):
        note = f"How unsure it is {frame.title}".rstrip()
        yield Progress(i, len(cut), note), frame, _read(maps, frame, _whole(frame))


def _read(maps: CachedOutputs, frame: Frame, box: Box) -> NDArray[np.uint8]:
    key, order = frame.label_index(box)
    levels: NDArray[np.uint8] = np.asarray(maps.levels[(slice(None), *key)])
    return levels.transpose(0, *(int(n) + 1 for n in np.argsort(order)))


def _whole(frame: Frame) -> Box:
    return tuple(slice(0, n) for n in frame.shape)


def _shape(frame: Frame) -> tuple[int, int]:
    rows, columns = frame.shape
    return rows, columns
