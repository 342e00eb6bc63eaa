"""Segmenting images, and what can be done with a network's outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet import jobs
from napari_unet.services.progress_bar import run_under_bar
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.spec import Model
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.next_region import Place, UncertaintyMap
    from napari_unet.services.segmentation.segment import Segmentation


def load_model(name: str | Path, *, progress: bool = False) -> Model:
    """Load a model.

    Parameters
    ----------
    name
        Its name in the library, a model file, or weights or a package from elsewhere.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    UserError
        When there is no such model, or it can't be read.
    """
    return run_under_bar(jobs.load_model(str(name)), "Loading", hidden=not progress)


def segment(
    image: Image,
    model: Model,
    options: SegmentOptions | None = None,
    *,
    region: Box | None = None,
    out: Any = None,
    out_probabilities: Any = None,
    progress: bool = False,
) -> Segmentation:
    """Segment an image.

    A 2-D model runs on every plane of a stack, a 3-D model on every volume. The image is worked through
    in tiles, which give what the whole image would give.

    Parameters
    ----------
    image
        The image.
    model
        The model.
    options
        Threshold, device and the rest; None: the defaults.
    region
        A slice for each axis of the labels: compute only this part; the other labels are 0. None: all.
    out, out_probabilities
        Arrays to write to, such as Zarr arrays; None: made in memory. Classes fit in uint8, object
        numbers need uint32.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Segmentation
        Labels, their axes, a record of how they were made, and probabilities and uncertainty if
        `options` ask for them.

    Raises
    ------
    UserError
        When image, model and options don't go together, pixels are NaN or infinite, or the memory does
        not suffice for the smallest tile.
    """
    job = jobs.segment(
        image, model, options, region=region, out=out, out_probabilities=out_probabilities
    )
    return run_under_bar(job, "Segmenting", hidden=not progress)


def cache_outputs(
    image: Image, model: Model, options: SegmentOptions | None = None, *, progress: bool = False
) -> CachedOutputs:
    """Run a model on an image and keep its outputs, one byte per value.

    Parameters
    ----------
    image, model, options
        As for `segment`; objects are not numbered.
    progress
        Whether to show a progress bar.

    Returns
    -------
    CachedOutputs
        The outputs, for `relabel` and `uncertainty_map`.

    Raises
    ------
    UserError
        As `segment`, and when the outputs don't fit into memory.
    """
    job = jobs.cache_outputs(image, model, options or SegmentOptions())
    return run_under_bar(job, "Segmenting", hidden=not progress)


def relabel(
    outputs: CachedOutputs,
    options: SegmentOptions,
    *,
    at: Mapping[str, int] | None = None,
    out: Any = None,
    progress: bool = False,
) -> Any:
    """Make labels from cached outputs with other settings, without running the network.

    Parameters
    ----------
    outputs
        What `cache_outputs` returned.
    options
        Threshold, and for objects separation, smallest object and holes.
    at
        Position along the axes that are looped over: only this plane or volume. None: all.
    out
        Array to write to, with the label axes of the image; None: made in memory.
    progress
        Whether to show a progress bar.

    Returns
    -------
    ndarray
        The labels, as `segment` gives them.
    """
    job = jobs.relabel(outputs, options, at=at, out=out)
    return run_under_bar(job, "Labelling", hidden=not progress)


def uncertainty_map(outputs: CachedOutputs, *, progress: bool = False) -> UncertaintyMap:
    """Return how uncertain a network is, summed over blocks of pixels.

    Parameters
    ----------
    outputs
        What `cache_outputs` returned.
    progress
        Whether to show a progress bar.
    """
    return run_under_bar(jobs.uncertainty_map(outputs), "Uncertainty", hidden=not progress)


def next_regions(
    uncertainty: UncertaintyMap,
    annotations: Sequence[Annotation] = (),
    *,
    visited: Sequence[Place] = (),
    count: int = 1,
    progress: bool = False,
) -> list[Place]:
    """Return the regions where annotating would help most, the best first.

    Parameters
    ----------
    uncertainty
        What `uncertainty_map` returned.
    annotations
        What is annotated of the same image already.
    visited
        Regions to pass over.
    count
        How many to return at most.
    progress
        Whether to show a progress bar.
    """
    job = jobs.next_regions(uncertainty, annotations, visited=visited, count=count)
    return run_under_bar(job, "Looking", hidden=not progress)
