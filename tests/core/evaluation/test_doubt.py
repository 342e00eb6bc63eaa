"""Objects to be doubted, and annotations that a network disagrees with."""

import edt
import numpy as np
import pytest
from networks import model_of

from napari_unet.core.evaluation.disagreement import MISSED, NOTHING, disagreement
from napari_unet.core.evaluation.doubt import LARGE, SMALL, doubts, object_signs
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig

SPEC = model_of(UNetConfig.classic(base=2, depth=1, out_channels=3), task="objects").spec


def discs(*radii, step=40):
    """A row of discs with numbers from 1."""
    rows, columns = np.indices((step, step * len(radii)))
    labels = np.zeros(rows.shape, np.int32)
    for i, radius in enumerate(radii):
        inside = (rows - step // 2) ** 2 + (columns - step * i - step // 2) ** 2 <= radius**2
        labels[inside] = i + 1
    return labels


def sure(labels):
    """Outputs of a network that sees exactly these objects."""
    foreground = labels > 0
    depth = edt.edt(labels.astype(np.uint32))
    inner = foreground & (depth > 1.5)
    distance = np.zeros(labels.shape)
    for number in np.unique(labels[foreground]):
        mask = labels == number
        distance[mask] = depth[mask] / depth[mask].max()
    return (255 * np.stack([foreground, foreground & ~inner, distance])).astype(np.uint8)


def listed(labels, outputs):
    doubt, why = doubts([object_signs(labels, outputs, SPEC)])
    return doubt, why


def test_an_object_of_which_the_network_is_unsure_is_doubted_most():
    labels = discs(10, 10, 10, 10)
    outputs = sure(labels)
    outputs[0][labels == 3] = 128
    doubt, why = listed(labels, outputs)
    assert doubt.argmax() == 2
    assert "object" in why[2]
    assert doubt[2] > 2 * np.delete(doubt, 2).max()


@pytest.mark.parametrize(("radius", "reason"), [(3, SMALL), (19, LARGE)])
def test_an_object_of_another_size_is_doubted_and_told_so(radius, reason):
    labels = discs(10, 10, radius, 10, 10)
    doubt, why = listed(labels, sure(labels))
    assert (doubt.argmax(), why[2]) == (2, reason)


def test_two_nuclei_that_share_a_number_are_doubted():
    apart = discs(8, 8, 8, 8, step=17)
    merged = np.where(apart == 2, 1, apart)
    doubt, _ = listed(merged, sure(apart))
    assert doubt.argmax() == 0


def test_nothing_found_is_nothing_to_doubt():
    doubt, why = listed(np.zeros((20, 20), np.int32), np.zeros((3, 20, 20), np.uint8))
    assert len(doubt) == len(why) == 0


def compared(labels, found):
    made = finish(disagreement(labels, found, sure(found)))
    return dict(zip(made.numbers.tolist(), zip(made.values, made.why, strict=True), strict=True))


def test_the_network_agrees_with_what_it_sees_itself():
    found = discs(10, 10, 10)
    assert max(value for value, _ in compared(found, found).values()) < 0.2


@pytest.mark.parametrize("fault", ["half", "shifted", "larger"])
def test_an_outline_that_differs_is_suspect(fault):
    found = discs(10, 10, 10)
    labels, mask = found.copy(), found == 2
    labels[mask] = 0
    if fault == "half":
        mask &= np.indices(mask.shape)[0] > 20
    elif fault == "shifted":
        mask = np.roll(mask, 7, axis=1)
    else:
        mask = edt.edt(~mask) < 5
    labels[mask] = 2
    values = compared(labels, found)
    assert values[2][1] == "outline differs"
    assert values[2][0] > 4 * max(values[1][0], values[3][0])


def test_two_objects_annotated_as_one_and_one_as_two_are_suspect():
    found = np.zeros((30, 80), np.int32)
    for i in range(4):
        found[5:25, 8 + 16 * i : 24 + 16 * i] = i + 1
    labels = np.where(found == 2, 1, found)
    labels[(found == 4) & (np.indices(found.shape)[0] > 14)] = 5
    values = compared(labels, found)
    assert values[1][1] == "may be several objects"
    assert values[4][1] == values[5][1] == "may be part of one object"
    assert min(values[n][0] for n in (1, 4, 5)) > 2 * values[3][0]


def test_what_is_not_there_and_what_was_overlooked_are_suspect():
    found = discs(10, 10, 10)
    found[found == 3] = 0
    labels = np.where(found == 1, 0, found)
    labels[discs(10, 10, 10) == 3] = 7
    values = compared(labels, found)
    assert values[7][1] == NOTHING
    assert values[0][1] == MISSED
    assert min(values[7][0], values[0][0]) > 1
    known = np.zeros(found.shape, bool)
    made = finish(disagreement(labels, found, sure(found), known))
    assert 0 not in made.numbers
