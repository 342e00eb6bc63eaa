"""Scores of a model, or of labels, on labelled pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.annotations.regions import Region
from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.progress import Progress, as_part
from napari_unet.services.evaluation.label_pairs import LabelFrame
from napari_unet.services.evaluation.scores import Evaluation
from napari_unet.services.evaluation.tally import Tally, compare_classes, compare_objects
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import PreparedRun, make_predictor, prepare
from napari_unet.services.segmentation.segment import segment_prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation, Kind, Truth
    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.evaluation.label_pairs import LabelPair


def evaluate(
    annotations: Sequence[Annotation], model: Model, options: SegmentOptions | None = None
) -> Job[Evaluation]:
    """Compare the labels a model gives with annotations.

    Scribbles leave other pixels unknown. Objects and classes are complete within their regions, or
    everywhere if they have none: what is predicted in a plane without any label counts as wrong.

    Where all annotations are of kind ``objects``, objects are compared, too: in planes for a 2-D model,
    in volumes for a 3-D one. A model of classes gives the connected components of its foreground.

    Parameters
    ----------
    annotations
        Images with their annotations.
    model
        The model.
    options
        Channels, normalisation, threshold, device, precision and memory; None: the defaults.

    Yields
    ------
    Progress
        In units of planes or volumes.
    ObjectsCompared
        After each plane or volume with objects.

    Raises
    ------
    UserError
        When images, annotations and model don't go together.
    """
    options = options or SegmentOptions()
    whole = [_everywhere(annotation) for annotation in annotations]
    inspection = yield from inspect_annotations(whole, model.spec.label_names)
    if all(annotation.kind == "objects" for annotation in annotations):
        return (yield from _evaluate_objects(inspection.truths, model, options))
    return (yield from _evaluate_classes(inspection.truths, model, options))


def compare_labels(
    pairs: Sequence[LabelPair], kind: Kind, names: Mapping[int, str] | None = None
) -> Job[Evaluation]:
    """Compare predicted labels with true ones.

    Parameters
    ----------
    pairs
        The labels. True pixels with a negative value are unknown and do not count.
    kind
        What the true labels mean, as in `Annotation`. Predicted labels mean the same, except with
        ``scribbles``, where they are 0 in the background and classes from 1, as `segment` gives them.
        Where each has a single value besides 0, and one of the two is 255, both mean the same class.
    names
        Names of the predicted classes, by value.

    Yields
    ------
    LabelsCompared
        After each plane or volume, in units of images; for objects, `ObjectsCompared` where true
        labels are known.

    Raises
    ------
    UserError
        When labels are out of range.
    """
    if kind == "objects":
        return (yield from compare_objects(pairs))
    return (yield from compare_classes(pairs, kind, names or {}))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Segmented(Progress):
    """Labels that a model gave a plane or volume, or the part of it that is labelled."""

    labels: LabelFrame
    complete: bool
    """Whether the true labels are complete there."""


def _everywhere(annotation: Annotation) -> Annotation:
    """Let annotations that are complete apply to planes without any label, too."""
    if annotation.regions or annotation.kind == "scribbles":
        return annotation
    height, width = annotation.plane_shape
    return replace(annotation, regions=(Region.box((0, height), (0, width)),))


def _evaluate_classes(
    truths: Sequence[Truth], model: Model, options: SegmentOptions
) -> Job[Evaluation]:
    confusion, empty = Confusion.zero(max(model.spec.label_names) + 1), 0
    classes = options.model_copy(update={"objects": False})
    for step in _segmented(truths, model, classes):
        if isinstance(step, _Segmented):
            true, predicted = step.labels.truth, step.labels.prediction
            confusion += Confusion.of(predicted, true, len(confusion.counts))
            empty += step.labels.empty if step.complete else 0
        yield step
    return Evaluation.of(confusion, model.spec.label_names, empty=empty)


def _evaluate_objects(
    truths: Sequence[Truth], model: Model, options: SegmentOptions
) -> Job[Evaluation]:
    tally = Tally()
    numbered = options.model_copy(update={"objects": True})
    for step in _segmented(truths, model, numbered):
        if isinstance(step, _Segmented):
            yield tally.add(step.labels, step.done, step.total)
        else:
            yield step
    return tally.evaluation


def _segmented(truths: Sequence[Truth], model: Model, options: SegmentOptions) -> Job[None]:
    """Segment every frame that has true labels."""
    # one copy of the network for all images
    predictor = make_predictor(model, options)
    work: list[tuple[Truth, PreparedRun, Frame]] = []
    for truth in truths:
        run = prepare(truth.annotation.image, model, options, predictor=predictor)
        run = yield from as_part(run.sized(), 0, 1, share=0, name=run.image.name)
        work += [(truth, run, frame) for frame in run.frames]
    for i, (truth, run, frame) in enumerate(work):
        box = tuple(slice(0, n) for n in frame.shape)
        true = truth.labels(frame, box)
        if not (true >= 0).any():
            continue
        if not options.objects:
            box = _around(true >= 0)
            true = true[box]
            # all objects are one class here
            true = np.minimum(true, 1) if truth.objects else true
        window = dict(zip(frame.spatial, box, strict=True))
        window |= {axis: slice(i, i + 1) for axis, i in frame.index.items()}
        region = tuple(window[axis] for axis in frame.image.label_axes)
        job = segment_prepared(run.within(region))
        labels = (yield from as_part(job, i, len(work))).labels
        key, order = frame.label_index(box)
        predicted = labels[key].transpose(np.argsort(order))
        title = f"{frame.image.name} {frame.title}".rstrip()
        compared = LabelFrame(title, predicted, true, frame)
        complete = truth.annotation.kind != "scribbles"
        yield _Segmented(i + 1, len(work), title, labels=compared, complete=complete)


def _around(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest window around the pixels that are True."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        used = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)
