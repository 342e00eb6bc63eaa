"""Derive labels again, with other thresholds, from cached outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import label_dtype, to_labels
from napari_unet.core.objects.find import number_above
from napari_unet.core.objects.numbering import number, object_outputs, object_spacing
from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.options import labels_are_objects, object_options
from napari_unet.services.segmentation.writers import write_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.options import SegmentOptions


RELABEL_OPTIONS = ("threshold", "separation", "smallest", "fill_holes")
"""Options that need no network: those that `relabel` follows. Others take effect in the next run."""


def with_relabel_options(options: SegmentOptions, settings: SegmentOptions) -> SegmentOptions:
    """Return the options of a run, with those that need no network taken from other settings."""
    return options.model_copy(update={name: getattr(settings, name) for name in RELABEL_OPTIONS})


def can_relabel(spec: ModelSpec, options: SegmentOptions) -> bool:
    """Whether any setting that needs no network has an effect on the labels."""
    return labels_are_objects(spec, options) or spec.activation != "softmax"


def relabel(
    outputs: CachedOutputs,
    options: SegmentOptions,
    *,
    at: Mapping[str, int] | None = None,
    taken: int = 0,
    out: Any = None,
) -> Job[Any]:
    """Derive classes, or numbered objects, from cached outputs with other settings.

    The labels are those `segment` would give, where `can_relabel`. With softmax they may differ where
    two classes are so close that their bytes are equal.

    Parameters
    ----------
    outputs
        The outputs of a model for an image.
    options
        Threshold and, for objects, separation, smallest size and holes; and whether objects are
        numbered.
    at
        Position along the looped axes: only this plane or volume. None: all.
    taken
        Object numbers start above this one.
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
    image, spec = outputs.image, outputs.spec
    how, numbered = object_options(spec, options), labels_are_objects(spec, options)
    labels = np.zeros(image.label_shape, label_dtype(spec, numbered)) if out is None else out
    every = frames(image, spec.axes, (0,))
    wanted = [f for f in every if at is None or all(at.get(a, i) == i for a, i in f.index.items())]
    for i, frame in enumerate(wanted):
        yield Progress(i, len(wanted), frame.title)
        values = outputs.read(frame)
        if numbered:
            kept = object_outputs(values, spec, how)
            block = number(kept, spec, how, object_spacing(frame))
            taken = number_above(block, taken)
        else:
            block = to_labels(values, spec, how.foreground)
        box = tuple(slice(0, n) for n in frame.shape)
        yield write_labels(labels, Progress(i + 1, len(wanted), frame.title), frame, box, block)
    return labels
