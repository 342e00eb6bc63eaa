"""What a network sees in images that their labels lack: objects that are missing, or are several."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.model.spec import OBJECT_OUTPUTS
from napari_unet.core.progress import as_part
from napari_unet.services.checking.finding import Finding, Place
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import make_predictor, prepare
from napari_unet.services.segmentation.segment import segment_prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job

CHEAP_PIXELS = 1 << 20
"""Labelled images of up to so many pixels together are compared without being asked."""
SURE = 0.8
"""The network is sure of an object if its mean probability is so large."""
MORE, AT_LEAST = 0.1, 3
"""Objects are missing if the network is sure of this part more than are labelled, and of so many."""
UNLABELLED, TYPICAL = 0.05, 0.5
"""An object counts as missing if at most this part of it is labelled, and it has at least this part of
the typical size."""
INSIDE, SHARE, COVERED, LARGE = 0.7, 0.25, 0.7, 1.5
"""Objects are several under one number if each lies in it to the first part and is at least the second
part of it, together they cover the third, and the number is so many times as large as is typical."""


def is_cheap(annotations: Sequence[Annotation]) -> bool:
    """Whether `check_with` takes seconds on a processor; False if there is nothing to compare."""
    pixels = [prod(a.image.label_shape) for a in annotations if a.kind == "objects"]
    return 0 < sum(pixels) <= CHEAP_PIXELS


def check_with(
    annotations: Sequence[Annotation], model: Model, numbers: Sequence[int] | None = None
) -> Job[list[Finding]]:
    """Compare labelled objects with those that a network is sure of.

    Parameters
    ----------
    annotations
        Images and their labels; only those of kind ``objects`` are looked at.
    model
        A network for such images.
    numbers
        Their numbers in findings; None: from 0.

    Returns
    -------
    list of Finding
        In the order of the images.

    Raises
    ------
    UserError
        When the network doesn't fit the images, or labels are out of range.
    """
    numbers = range(len(annotations)) if numbers is None else numbers
    kept = [(n, a) for n, a in zip(numbers, annotations, strict=True) if a.kind == "objects"]
    inspection = yield from inspect_annotations([a for _, a in kept])
    options = SegmentOptions(objects=True, probabilities=True)
    predictor = make_predictor(model, options)
    findings: list[Finding] = []
    for i, ((number, _), truth) in enumerate(zip(kept, inspection.truths, strict=True)):
        run = prepare(truth.annotation.image, model, options, predictor=predictor)
        result = yield from as_part(segment_prepared(run), i, len(kept), name=truth.annotation.name)
        probability = _foreground(result.probabilities, model)
        for key in truth.applies:
            frame, box = truth.annotation.whole(key)
            at, order = frame.label_index(box)
            back = np.argsort(order)
            predicted = np.asarray(result.labels[at]).transpose(back)
            sure = _sure(predicted, probability[at].transpose(back))
            name = truth.annotation.name
            for fault, message, place in _faults(truth.labels(frame, box), predicted, sure):
                spot = Place(*place, frame.index)
                findings.append(Finding(fault, number, name, message, spot))  # type: ignore[arg-type]
    return findings


def _foreground(probabilities: Any, model: Model) -> NDArray[Any]:
    """Return the probability of any class but the background."""
    values = np.asarray(probabilities)
    if model.spec.task == "objects":
        foreground: NDArray[Any] = values[OBJECT_OUTPUTS.index("foreground")]
    else:
        foreground = 1 - values[0] if len(values) > 1 else values[0]
    return foreground


def _sure(predicted: NDArray[Any], probability: NDArray[Any]) -> NDArray[np.bool_]:
    """Return of which objects the network is sure."""
    sizes = np.bincount(predicted.ravel())
    sums = np.bincount(predicted.ravel(), weights=probability.ravel())
    sure: NDArray[np.bool_] = sums >= SURE * np.maximum(sizes, 1)
    return sure


def _faults(
    labels: NDArray[np.int32], predicted: NDArray[Any], sure: NDArray[np.bool_]
) -> Iterator[tuple[str, str, tuple[tuple[int, int], tuple[int, int]]]]:
    values, own = np.unique(labels.clip(0), return_inverse=True)
    own = own.reshape(labels.shape)
    labelled = np.bincount(own.ravel())[1:] if values[0] == 0 else np.bincount(own.ravel())
    if values[0] != 0 or not len(labelled):
        return
    together = np.zeros((len(values), int(predicted.max()) + 1), dtype=np.int64)
    np.add.at(together, (own.ravel(), predicted.ravel()), 1)
    sizes = together.sum(axis=0)
    # what is not annotated says nothing
    unknown = np.bincount(predicted[labels < 0].ravel(), minlength=len(sizes))
    free = together[1:].sum(axis=0) + unknown <= UNLABELLED * sizes
    missing = np.flatnonzero(free & sure & (sizes >= TYPICAL * np.median(labelled)))
    missing = missing[missing > 0]
    if len(missing) >= max(AT_LEAST, MORE * len(labelled)):
        message = (
            f"the network is sure of {len(missing)} objects without a label, beside {len(labelled)} "
            "with one"
        )
        yield "missing objects", message, _box(predicted == missing[np.argmax(sizes[missing])])
    inside = (together >= INSIDE * sizes) & sure & (np.arange(len(sizes)) > 0)
    parts = inside[1:] & (together[1:] >= SHARE * labelled[:, None])
    covered = np.where(parts, together[1:], 0).sum(axis=1) >= COVERED * labelled
    large = labelled >= LARGE * np.median(labelled)
    for i in np.flatnonzero((parts.sum(axis=1) > 1) & covered & large):
        message = f"number {values[i + 1]} seems to be {parts[i].sum()} objects"
        yield "several objects", message, _box(own == i + 1)


def _box(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)
