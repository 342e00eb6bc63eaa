"""Which objects are hits, misses, extras, merged or split; which pixels have a wrong class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.evaluation.matching import match
from napari_unet.core.progress import Progress
from napari_unet.services.evaluation.scores import LabelsCompared, ObjectsCompared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_unet.core.evaluation.overlaps import Overlaps
    from napari_unet.core.image.axes import Box
    from napari_unet.core.progress import Job
    from napari_unet.services.evaluation.label_pairs import LabelPair
    from napari_unet.services.evaluation.scores import Evaluation

    States = NDArray[np.uint8]

HIT, MISS, EXTRA, MERGE, SPLIT, OTHER = range(1, 7)
NAMES = ("", "hits", "misses", "extras", "merges", "splits", "other classes")
COLOURS = np.array(
    [
        [0, 0, 0],
        [0, 158, 115],
        [230, 159, 0],
        [86, 180, 233],
        [204, 121, 167],
        [240, 228, 66],
        [213, 94, 0],
    ],
    dtype=np.float32,
)
"""Colours by state; the colour-blind can tell them apart, too (Okabe and Ito)."""


def mark_mistakes(job: Job[Evaluation], pair: LabelPair, out: Any = None) -> Job[Evaluation]:
    """Write the states of pixels into an array while labels are compared.

    Parameters
    ----------
    job
        `compare_labels` of this pair alone.
    pair
        The labels.
    out
        Array in the shape of the labels, for the states; None: they are not wanted.

    Yields
    ------
    Progress
        In units of planes or volumes.

    Raises
    ------
    UserError
        What the job raises.
    """
    cut = pair.cut()
    done, of_classes = 0, False
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            evaluation: Evaluation = stop.value
            break
        if not isinstance(step, LabelsCompared):
            continue
        frame, of_classes = cut[done], not isinstance(step, ObjectsCompared)
        if out is not None:
            for box, states in states_of(step):
                frame.write(out, box, states)
                # a step without the labels, which would be kept while it waits to be shown
                yield Progress(done + 0.5, len(cut), frame.title)
        done += 1
        yield Progress(done, len(cut), frame.title)
    if out is not None and of_classes and len(evaluation.classes) == 2:
        # a single class may have two numbers, such as 1 in one image and 255 in the other
        for frame in cut:
            key, _ = frame.label_index(tuple(slice(0, n) for n in frame.shape))
            part = out[key]
            out[key] = np.where(part == OTHER, HIT, part)
    return evaluation


def states_of(compared: LabelsCompared) -> Iterator[tuple[Box, States]]:
    """Return the state of each pixel, plane by plane; 0 where there is none.

    For objects it is the state of the pixel's object at IoU 0.5, where a predicted object hides a true
    one; for classes, that of the pixel itself.

    Yields
    ------
    tuple
        The window of a plane, and its states.
    """
    labels = compared.labels
    states: Callable[..., States] = _of_classes
    if isinstance(compared, ObjectsCompared):
        states = partial(_of_objects, compared.overlaps, *object_states(compared.overlaps))
    *depth, height, width = labels.truth.shape
    for z in np.ndindex(*depth):
        box = (*(slice(i, i + 1) for i in z), slice(0, height), slice(0, width))
        yield box, states(labels.prediction[box], labels.truth[box])


def _of_objects(
    overlaps: Overlaps,
    predicted: States,
    true: States,
    prediction: NDArray[Any],
    truth: NDArray[Any],
) -> States:
    above = in_pixels(prediction, overlaps.predicted, predicted)
    return np.where(above > 0, above, in_pixels(truth, overlaps.true, true)).astype(np.uint8)


def _of_classes(prediction: NDArray[Any], truth: NDArray[Any]) -> States:
    correct = np.where(truth > 0, HIT, 0)
    states = np.select(
        [prediction == truth, truth == 0, prediction == 0], [correct, EXTRA, MISS], OTHER
    )
    return np.where(truth >= 0, states, 0).astype(np.uint8)


def object_states(overlaps: Overlaps) -> tuple[States, States]:
    """Return the state of each predicted and each true object; 0 for those that are not drawn."""
    pairs, merging, splitting = match(overlaps), overlaps.merging, overlaps.splitting
    predicted = np.where(overlaps.beyond, 0, EXTRA).astype(np.uint8)
    true = np.full(len(overlaps.true), MISS, dtype=np.uint8)
    predicted[overlaps.columns[pairs]], true[overlaps.rows[pairs]] = HIT, 0
    predicted[overlaps.columns[splitting]], true[overlaps.rows[splitting]] = SPLIT, 0
    predicted[overlaps.columns[merging]], true[overlaps.rows[merging]] = MERGE, MERGE
    return predicted, true


def in_pixels(labels: NDArray[Any], objects: NDArray[np.int64], states: States) -> States:
    """Return the state of each pixel's object; 0 outside of objects."""
    if not len(objects):
        return np.zeros(labels.shape, dtype=np.uint8)
    place = np.searchsorted(objects, labels).clip(max=len(objects) - 1)
    return np.where(objects[place] == labels, states[place], 0).astype(np.uint8)
