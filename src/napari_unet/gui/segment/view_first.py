"""Of a long stack, the plane or volume in view is segmented before its turn: it is seen at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_unet.core.image.frames import frames
from napari_unet.gui.layers.placement import looked_at
from napari_unet.gui.layers.result_layer import Nowhere
from napari_unet.services.segmentation.channels import channel_indices
from napari_unet.services.segmentation.plan import affines_of
from napari_unet.services.segmentation.segment import Segmentation, segment

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.options import SegmentOptions

LONG = 4
"""Frames from which on one that is segmented twice is no great loss."""


def frame_in_view(
    viewer: napari.Viewer, source: ImageLayer, image: Image, spatial: str
) -> Box | None:
    """Return the plane or volume that is looked at, if it is not the first of many.

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
    planes, box, many, here = looked_at(viewer, source), [], 1, 0
    for axis in image.label_axes:
        size = image.sizes[axis]
        if axis in spatial:
            box.append(slice(0, size))
            continue
        at = planes.get(image.axes.index(axis))
        if at is None or not 0 <= at < size:
            return None
        box.append(slice(at, at + 1))
        many, here = many * size, here * size + at
    return tuple(box) if many >= LONG and here > 0 else None


def segment_from_view(
    image: Image, model: Model, options: SegmentOptions, view: Box, levels: Any
) -> Job[Segmentation]:
    """Segment the frame in view, then the whole image, by which it is numbered for good.

    Parameters
    ----------
    image, model, options
        As for `segment`.
    view
        The frame.
    levels
        `out_uint8` of the whole image.

    Yields
    ------
    Progress
        As `segment`; with nothing done, while it is at the view.
    """
    cut = frames(image, model.spec.axes, channel_indices(image, model.spec, options.channels))
    affines = affines_of(cut, model, options)
    labels_only = options.model_copy(update={"probabilities": False, "uncertainty": False})
    ahead = segment(image, model, labels_only, region=view, out=Nowhere(), affines=affines)
    for step in ahead:
        yield replace(step, done=0)
    whole = segment(image, model, options, out=Nowhere(), out_uint8=levels, affines=affines)
    return (yield from whole)
