"""Segment an image with a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet import __version__
from napari_unet.core.axes import Box, Frame, Image, frames
from napari_unet.core.errors import UserError
from napari_unet.core.labels import label_dtype, to_labels
from napari_unet.core.progress import Job, Progress
from napari_unet.services.options import SegmentOptions, channel_indices
from napari_unet.services.plan import Plan, make_predictor, plan_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.maps import Maps
    from napari_unet.core.model import Model, ModelSpec


@dataclass(frozen=True, kw_only=True)
class TileDone(Progress):
    """Labels that are final for one window.

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
        Class of each pixel, 0 background; has the image's axes without the channels.
    axes
        Axes of `labels`.
    probabilities
        (classes, \\*labels.shape) float32 between 0 and 1, if asked for.
    record
        Model, options, device, precision and tiling, as JSON values.
    """

    labels: Any
    axes: str
    probabilities: Any = None
    record: dict[str, Any] = field(default_factory=dict)


def segment(
    image: Image,
    model: Model,
    options: SegmentOptions | None = None,
    *,
    region: Box | None = None,
    out: Any = None,
    out_probabilities: Any = None,
) -> Job[Segmentation]:
    """Segment an image.

    A 2-D model runs over every plane of a stack, a 3-D model over every volume. The result does not
    depend on tiles or batches (but see :attr:`~napari_unet.services.plan.Plan.exact`).

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
        image; the rest of the labels stays 0.
    out, out_probabilities
        Arrays to write to, for example of zarr; None: made in memory.

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
    from napari_unet.core.maps import Maps

    options = options or SegmentOptions()
    cut = frames(image, model.spec.axes, channel_indices(image, model.spec, options.channels))
    predictor = make_predictor(model, options)
    labels = np.zeros(image.label_shape, label_dtype(model.spec)) if out is None else out
    n = model.spec.config.out_channels
    if options.probabilities and out_probabilities is None:
        out_probabilities = np.zeros((n, *image.label_shape), np.float32)
    threshold = model.spec.threshold if options.threshold is None else options.threshold
    cut, box = _within(cut, image, region)
    record = _record(model, options, plan_of(predictor, cut))
    for progress in predictor.run(cut, box):
        if not isinstance(progress, Maps):
            yield progress
            continue
        yield _write(progress, model.spec, threshold, labels, out_probabilities)
    return Segmentation(labels, image.label_axes, out_probabilities, record)


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
    maps: Maps, spec: ModelSpec, threshold: float, labels: Any, probabilities: Any
) -> TileDone:
    key, order = maps.frame.place(maps.write)
    block = to_labels(maps.values, spec, threshold).transpose(order)
    labels[key] = block
    if probabilities is not None:
        probabilities[(slice(None), *key)] = maps.values.transpose(0, *(i + 1 for i in order))
    return TileDone(done=maps.done, total=maps.total, note=maps.note, where=key, labels=block)


def _record(model: Model, options: SegmentOptions, made: Plan) -> dict[str, Any]:
    return {
        "package": f"napari-unet-studio {__version__}",
        "model": model.spec.name,
        "provenance": model.spec.provenance.model_dump(mode="json"),
        "options": options.model_dump(mode="json"),
        "device": made.device,
        "precision": made.precision,
        "tile_shape": list(made.tile_shape),
        "exact": made.exact,
    }
