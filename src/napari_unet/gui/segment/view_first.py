"""In a long stack, the plane or volume in view is segmented first, so that it is seen at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unet.gui.layers.placement import looked_at
from napari_unet.gui.layers.result_layer import Nowhere
from napari_unet.services.segmentation.segment import segment_prepared

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.prepare import PreparedRun

MIN_FRAMES = 4
"""Number of frames from which segmenting one of them twice costs little."""


def frame_in_view(
    viewer: napari.Viewer, source: ImageLayer, image: Image, spatial: str
) -> Box | None:
    """Return the plane or volume in view, unless it is the first or there are few.

    Parameters
    ----------
    viewer
        The viewer.
    source, image
        The image layer, and the image it holds.
    spatial
        Spatial axes of the network.

    Returns
    -------
    Box or None
        A slice for each label axis.
    """
    planes, box, count, position = looked_at(viewer, source), [], 1, 0
    for axis in image.label_axes:
        size = image.sizes[axis]
        if axis in spatial:
            box.append(slice(0, size))
            continue
        at = planes.get(image.axes.index(axis))
        if at is None or not 0 <= at < size:
            return None
        box.append(slice(at, at + 1))
        count, position = count * size, position * size + at
    return tuple(box) if count >= MIN_FRAMES and position > 0 else None


def segment_in_view(run: PreparedRun, view: Box) -> Job[None]:
    """Segment the frame in view, ahead of the whole image, whose run gives it its final numbers.

    Parameters
    ----------
    run
        The run of the whole image.
    view
        The frame.

    Yields
    ------
    Progress
        As `segment`, with nothing done: the bar belongs to the whole image.
    """
    labels_only = run.options.model_copy(update={"probabilities": False, "uncertainty": False})
    ahead = replace(run.within(view), options=labels_only)
    for step in segment_prepared(ahead, out=Nowhere()):
        yield replace(step, done=0)
