"""Find labels again, with other thresholds, in what the network said before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import label_dtype, to_labels
from napari_unet.core.objects.find import number_above
from napari_unet.core.objects.numbering import number, object_outputs, object_spacing
from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.options import labels_are_objects, object_options
from napari_unet.services.segmentation.segment import TileDone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.options import SegmentOptions


def can_relabel(spec: ModelSpec, options: SegmentOptions) -> bool:
    """Whether any setting that needs no network has an effect on the labels."""
    return labels_are_objects(spec, options) or spec.activation != "softmax"


def relabel(
    maps: CachedOutputs,
    options: SegmentOptions,
    *,
    at: Mapping[str, int] | None = None,
    taken: int = 0,
    out: Any = None,
) -> Job[Any]:
    """Find classes, or number objects, anew, without the network.

    They are what `segment` would give, where `can_relabel`. Of
    two classes that exclude each other, the levels may not tell which is a little more probable.

    Parameters
    ----------
    maps
        What a model said.
    options
        Threshold, and of objects separation, smallest and holes; and which of the two is wanted.
    at
        Position along the axes that are looped over: only this plane or volume. None: all.
    taken
        Numbers up to this one are not given.
    out
        Array to write to, with the label axes of the image; None: made in memory.

    Yields
    ------
    TileDone
        After each plane or volume.

    Returns
    -------
    ndarray
        The labels.
    """
    cut = frames(maps.image, maps.spec.axes, (0,))
    how, numbered = object_options(maps.spec, options), labels_are_objects(maps.spec, options)
    labels = (
        np.zeros(maps.image.label_shape, label_dtype(maps.spec, numbered)) if out is None else out
    )
    wanted = [f for f in cut if at is None or all(at.get(a, i) == i for a, i in f.index.items())]
    for i, frame in enumerate(wanted):
        yield Progress(i, len(wanted), frame.title)
        key, order = frame.label_index(tuple(slice(0, n) for n in frame.shape))
        inverse = tuple(int(n) + 1 for n in np.argsort(order))
        levels = np.asarray(maps.levels[(slice(None), *key)]).transpose(0, *inverse)
        if numbered:
            kept = object_outputs(levels, maps.spec, how)
            found = number(kept, maps.spec, how, object_spacing(frame))
            taken = number_above(found, taken)
        else:
            found = to_labels(levels, maps.spec, how.foreground)
        block = labels[key] = found.transpose(order)
        yield TileDone(done=i + 1, total=len(wanted), note=frame.title, where=key, labels=block)
    return labels
