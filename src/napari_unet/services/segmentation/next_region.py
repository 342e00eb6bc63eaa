"""Where to annotate next: the regions of a segmented image that a network would learn most from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.inspection import AnnotatedAreas
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
    """How unsure a network is of an image, summed over blocks.

    Attributes
    ----------
    outputs
        The network's outputs.
    blocks
        (planes, rows, columns) float32: uncertainty, summed over blocks of 8 × 8 pixels.
    """

    outputs: CachedOutputs
    blocks: NDArray[np.float32]


def uncertainty_map(outputs: CachedOutputs) -> Job[UncertaintyMap]:
    """Sum up how unsure a network is, plane by plane.

    Yields
    ------
    Progress
        After each plane.
    """
    blocks = []
    for step, _, plane in _planes(outputs):
        blocks.append(block_sums(uncertainty(plane, outputs.spec)))
        yield step
    return UncertaintyMap(outputs, np.stack(blocks))


def uncertainty_of(outputs: CachedOutputs) -> Job[NDArray[np.float32]]:
    """Return how unsure a network is of each pixel, from 0 to 1, in the shape of the labels.

    Yields
    ------
    Progress
        After each plane.
    """
    result = np.zeros(outputs.image.label_shape, np.float32)
    for step, frame, plane in _planes(outputs):
        frame.write(result, _whole(frame), uncertainty(plane, outputs.spec))
        yield step
    return result


def next_regions(
    uncertain: UncertaintyMap,
    annotations: Sequence[Annotation] = (),
    *,
    visited: Sequence[Place] = (),
    count: int = 1,
) -> Job[list[Place]]:
    """Return the places where annotations would teach the network most, the best first.

    Parameters
    ----------
    uncertain
        How unsure the network is.
    annotations
        What is annotated of the same image already: scribbles where they are painted, classes and
        objects where they apply.
    visited
        Places to be treated as annotated.
    count
        How many to return at most.

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    list of Place
        Fewer than `count`, or none, where nearly everything is annotated or visited.
    """
    outputs = uncertain.outputs
    planes = frames(outputs.image, "YX", ())
    areas = [(annotation, AnnotatedAreas(annotation)) for annotation in annotations]
    free = []
    for i, frame in enumerate(planes):
        free.append(block_sums(~_annotated(areas, frame, _whole(frame))))
        yield Progress(i + 1, len(planes), "Reading the annotations")
    taken = [place.window for place in visited]
    rows, columns = planes[0].shape
    places = []
    for window in best_windows(uncertain.blocks, np.stack(free), (rows, columns), count, taken):
        frame, box = planes[window.plane], (window.rows, window.columns)
        why = reason(outputs.read(frame, box), outputs.spec, ~_annotated(areas, frame, box))
        places.append(Place(window, frame.index, why))
    return places


def _annotated(
    areas: Sequence[tuple[Annotation, AnnotatedAreas]], frame: Frame, box: Box
) -> NDArray[np.bool_]:
    """Return which pixels of a window are annotated."""
    known = np.zeros([s.stop - s.start for s in box], bool)
    for annotation, area in areas:
        mask = area.mask(frame.index)
        if not mask:
            continue
        inside = mask.window(*box)
        if annotation.kind == "scribbles":
            known |= inside & (annotation.read(frame, box) > 0)
        elif annotation.regions or annotation.read(frame, _whole(frame)).any():
            known |= inside
    return known


def _planes(outputs: CachedOutputs) -> Iterator[tuple[Progress, Frame, NDArray[np.uint8]]]:
    planes = frames(outputs.image, "YX", ())
    for i, frame in enumerate(planes, 1):
        note = f"Measuring uncertainty {frame.title}".rstrip()
        yield Progress(i, len(planes), note), frame, outputs.read(frame)


def _whole(frame: Frame) -> Box:
    return tuple(slice(0, n) for n in frame.shape)
