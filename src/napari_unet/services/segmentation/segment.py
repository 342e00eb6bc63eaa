"""Segment an image with a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import Frame, frames
from napari_unet.core.inference.outputs import Outputs, label_dtype, to_labels, to_uint8
from napari_unet.core.inference.uncertainty import uncertainty
from napari_unet.core.objects.numbering import Numbering
from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.channels import channel_indices
from napari_unet.services.segmentation.options import (
    SegmentOptions,
    labels_are_objects,
    object_options,
)
from napari_unet.services.segmentation.plan import (
    Plan,
    affines_of,
    make_predictor,
    plan_of,
    rescale,
)
from napari_unet.version import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.image.statistics import NormalizationStatistics
    from napari_unet.core.model.spec import Model


@dataclass(frozen=True, kw_only=True)
class TileDone(Progress):
    """Labels of one window. Where objects are told apart, it comes twice: classes first, then numbers.

    Attributes
    ----------
    where
        Index into the label array: ``labels[where] = block``.
    labels
        The block.
    """

    where: tuple[slice | int, ...]
    labels: NDArray[Any]


@dataclass(frozen=True)
class Segmentation:
    r"""What came out.

    Attributes
    ----------
    labels
        Class of each pixel, or number of its object; 0 background. Has the image's axes without the
        channels.
    axes
        Axes of `labels`.
    probabilities
        (classes, \\*labels.shape) float32 between 0 and 1, if asked for.
    record
        Model, options, device, precision and tiling, as JSON values.
    uncertainty
        (\\*labels.shape) float32 from 0, sure, to 1, if asked for.
    """

    labels: Any
    axes: str
    probabilities: Any = None
    record: dict[str, Any] = field(default_factory=dict)
    uncertainty: Any = None


def segment(
    image: Image,
    model: Model,
    options: SegmentOptions | None = None,
    *,
    region: Box | None = None,
    out: Any = None,
    out_probabilities: Any = None,
    out_uint8: Any = None,
    affines: NormalizationStatistics | None = None,
) -> Job[Segmentation]:
    r"""Segment an image.

    A 2-D model runs over every plane of a stack, a 3-D model over every volume. The result does not
    depend on tiles or batches (but see `Plan.exact`). Objects are found
    in whole planes or volumes; those of later ones have larger numbers.

    Parameters
    ----------
    image
        The image.
    model
        The model.
    options
        How; None: the defaults.
    region
        A slice for each axis of the labels: compute only this part. Its result is that of the whole
        image, but for the numbers and edges of objects; the rest of the labels stays 0.
    out, out_probabilities
        Arrays to write to, for example of zarr; None: made in memory. Classes fit in 8 bits, numbers of
        objects take 32 without sign.
    out_uint8
        uint8 array, (out_channels, \*labels.shape), for what the network gives, a byte a value: the
        levels of `CachedOutputs`. None: it is not kept.
    affines
        `affines_of` the image's frames, where several regions share
        what is measured of it; None: it is measured.

    Yields
    ------
    Progress
        Many times a second on most machines.
    TileDone
        After each finished window.

    Returns
    -------
    Segmentation
        Labels, and probabilities if asked for.

    Raises
    ------
    UserError
        When image, model and options don't go together, pixels are NaN or infinite, or memory does
        not suffice for the smallest tile.
    """
    options = options or SegmentOptions()
    cut = frames(image, model.spec.axes, channel_indices(image, model.spec, options.channels))
    predictor = make_predictor(model, options)
    numbered = labels_are_objects(model.spec, options)
    dtype = label_dtype(model.spec, numbered)
    labels = np.zeros(image.label_shape, dtype) if out is None else out
    _check_room(labels, dtype)
    n = model.spec.config.out_channels
    if options.probabilities and out_probabilities is None:
        out_probabilities = np.zeros((n, *image.label_shape), np.float32)
    unsure = np.zeros((1, *image.label_shape), np.float32) if options.uncertainty else None
    threshold = model.spec.threshold if options.threshold is None else options.threshold
    # before the region: it does not change what the whole image is scaled by
    affines = affines or affines_of(cut, model, options)
    cut, box = _within(cut, image, region)
    rescaled = rescale(cut, model, options)
    record = _record(model, options, plan_of(predictor, rescaled))
    how = object_options(model.spec, options)
    numbering = Numbering(cut, box, model.spec, how) if numbered else None
    for progress in rescaled.run(predictor, box, affines):
        if not isinstance(progress, Outputs):
            yield progress
            continue
        block = to_labels(progress.values, model.spec, threshold)
        yield _write(labels, progress, progress.frame, progress.write, block)
        _keep(out_probabilities, progress, progress.values)
        if out_uint8 is not None:
            _keep(out_uint8, progress, to_uint8(progress.values))
        if unsure is not None:
            _keep(unsure, progress, uncertainty(progress.values, model.spec)[None])
        for whole in numbering.add(progress) if numbering else ():
            yield _write(labels, progress, *whole)
    told = None if unsure is None else unsure[0]
    return Segmentation(labels, image.label_axes, out_probabilities, record, told)


def _check_room(labels: Any, dtype: np.dtype[Any]) -> None:
    given = getattr(labels, "dtype", dtype)
    if given.itemsize < dtype.itemsize:
        raise UserError(
            "The labels do not fit the array that is to take them",
            value=f"an array of {given}",
            rule=f"These labels need {dtype}: larger numbers would come out as others.",
            remedy=f"Make the array with dtype {dtype}.",
        )


def _within(cut: list[Frame], image: Image, region: Box | None) -> tuple[list[Frame], Box | None]:
    """Frames and window of a frame that a region of the labels covers."""
    if region is None:
        return cut, None
    limits = dict(zip(image.label_axes, region, strict=True))
    inside = [
        frame
        for frame in cut
        if all(i in range(*limits[a].indices(image.sizes[a])) for a, i in frame.index.items())
    ]
    spatial = cut[0].spatial
    box = tuple(slice(*limits[a].indices(image.sizes[a])[:2]) for a in spatial)
    if not inside or any(s.start >= s.stop for s in box):
        raise UserError(
            "There is nothing to segment",
            value=f"region {region}",
            rule="The region must hold a pixel of the image.",
            remedy="Move the view over the image.",
        )
    return inside, box


def _write(
    labels: Any, progress: Progress, frame: Frame, box: Box, block: NDArray[Any]
) -> TileDone:
    key, order = frame.label_index(box)
    block = block.transpose(order)
    labels[key] = block
    return TileDone(
        done=progress.done, total=progress.total, note=progress.note, where=key, labels=block
    )


def _keep(out: Any, maps: Outputs, values: NDArray[Any]) -> None:
    if out is not None:
        key, order = maps.frame.label_index(maps.write)
        out[(slice(None), *key)] = values.transpose(0, *(i + 1 for i in order))


def _record(model: Model, options: SegmentOptions, made: Plan) -> dict[str, Any]:
    return {
        "package": f"napari-unet-studio {__version__}",
        "model": model.spec.name,
        "axes": model.spec.axes,
        "provenance": model.spec.provenance.model_dump(mode="json"),
        "options": options.model_dump(mode="json"),
        "device": made.device,
        "precision": made.precision,
        "tile_shape": list(made.tile_shape),
        "exact": made.exact,
        "rescaled_shape": list(made.rescaled),
    }
