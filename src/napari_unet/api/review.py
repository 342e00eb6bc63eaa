"""Which objects and annotations to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet import jobs
from napari_unet.services.progress_bar import run_under_bar

if TYPE_CHECKING:
    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Lazy
    from napari_unet.services.evaluation.doubt import Doubts
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.options import SegmentOptions


def doubt_objects(
    outputs: CachedOutputs, labels: Lazy, known: Doubts | None = None, *, progress: bool = False
) -> Doubts:
    """List the objects of a result, the most doubtful first.

    Parameters
    ----------
    outputs
        What `cache_outputs` returned for the image.
    labels
        The objects, with the label axes of the image.
    known
        An earlier list of the same image: planes or volumes that are as they were are not looked at
        again.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Doubts
        Its ``columns`` are a table for `save_table`: label, place, ``doubt`` from 0 to 1, and ``why``.

    Raises
    ------
    UserError
        When labels don't fit the image.
    """
    job = jobs.doubt_objects(outputs, labels, known)
    return run_under_bar(job, "Doubting", hidden=not progress)


def suspect_annotations(
    outputs: CachedOutputs,
    annotation: Annotation,
    options: SegmentOptions | None = None,
    *,
    progress: bool = False,
) -> Doubts:
    """List annotated objects, those first of which a network disagrees most.

    Parameters
    ----------
    outputs
        What `cache_outputs` returned for the image of the annotation.
    annotation
        Objects; those outside of where it applies are left out.
    options
        How the network's own objects are found; None: the defaults.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Doubts
        Its ``columns`` are a table for `save_table`: label, place, ``disagreement`` and ``why``. Label 0
        is an object that the network finds and that is not annotated.

    Raises
    ------
    UserError
        When labels don't fit the image.
    """
    job = jobs.suspect_annotations(outputs, annotation, options)
    return run_under_bar(job, "Comparing", hidden=not progress)
