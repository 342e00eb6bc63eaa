"""What a network is to say about objects, and of what nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from shapes import ellipses
from skimage.segmentation import find_boundaries

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.sampling.object_targets import ObjectTargets, object_targets
from napari_unet.core.sampling.targets import Border
from napari_unet.core.training.loss import object_loss


def made(labels, **others):
    return object_targets(torch.from_numpy(labels)[None], objects=True, **others)


def test_maps_of_two_squares_that_touch():
    labels = np.zeros((9, 14), np.int32)
    labels[2:7, 2:7], labels[2:7, 7:12] = 3, 8
    found = made(labels)
    foreground, boundary, distance = found.maps[0].numpy()
    assert (foreground == (labels > 0)).all()
    assert (boundary == find_boundaries(labels, mode="thick")).all()
    assert distance[4, 4] == distance[4, 9] == 1
    assert distance[4, 6] == distance[4, 7] == pytest.approx(1 / 3)
    assert not distance[labels == 0].any()
    assert found.known[0, :2].all()


@examples(60)
@given(seed=st.integers(0, 10_000), top=st.integers(0, 30), left=st.integers(0, 30))
def test_what_a_patch_says_is_so_in_the_whole_image(seed, top, left):
    labels = ellipses(seed, n=1)
    window = (slice(top, top + 32), slice(left, left + 32))
    whole, patch = made(labels), made(np.ascontiguousarray(labels[window]))
    inner = (slice(1, -1), slice(1, -1))
    expected = whole.maps[0][(slice(None), *window)]
    # an object that reaches the whole image's edge has no known size there either
    known = patch.known[0] & whole.known[0][(slice(None), *window)]
    wrong = known & ((patch.maps[0] - expected).abs() > 0.07)
    assert not wrong[(slice(None), *inner)].any()


@examples(30)
@given(seed=st.integers(0, 10_000))
def test_nothing_is_known_where_nothing_was_annotated(seed):
    labels = ellipses(seed)
    part = labels.copy()
    part[:, 30:] = IGNORE
    found, whole = made(part), made(labels)
    assert not found.known[0, :, :, 30:].any()
    assert not found.known[0, 1, :, 29].any()
    assert (found.maps[0, :2] == whole.maps[0, :2])[found.known[0, :2]].all()
    # of what is cut, the half that was seen says nothing about how large it is
    cut = np.unique(labels[:, 29][labels[:, 29] == labels[:, 30]])
    for number in cut[cut > 0]:
        y, x = np.nonzero(part == number)
        assert not found.known[0, 2, y[x == 29], 29].any()


def test_distances_are_physical():
    labels = np.zeros((9, 21, 21), np.int32)
    labels[2:7, 2:19, 2:19] = 1
    flat, deep = made(labels), made(labels, spacing=(4.0, 1.0, 1.0))
    # in pixels the object is thin along Z, in micrometers it is as deep as wide
    assert flat.maps[0, 2, 4, 4, 10] == 1
    assert deep.maps[0, 2, 4, 4, 10] == pytest.approx(3 / 9, abs=0.01)


def test_paint_of_classes_says_foreground_only():
    labels = np.array([[1, 0, IGNORE]], np.int32)
    found = object_targets(torch.from_numpy(labels)[None], objects=False)
    assert found.known[0].tolist() == [[[True, True, False]], [[False] * 3], [[False] * 3]]
    assert found.maps[0, 0].tolist() == [[1, 0, 0]]


def test_the_loss_has_no_gradient_where_nothing_is_known():
    found = made(ellipses(3))
    known = found.known.clone()
    known[..., :20] = False
    logits = torch.randn_like(found.maps, requires_grad=True)
    object_loss(logits, ObjectTargets(found.maps, known)).backward()
    assert (logits.grad[~known] == 0).all()
    assert (logits.grad[known] != 0).float().mean() > 0.9


def test_where_objects_touch_pixels_weigh_more():
    labels = np.zeros((24, 60), np.int32)
    labels[4:20, 4:20], labels[4:20, 20:36] = 1, 2
    weights = made(labels, border=Border(5.0)).weights[0].numpy()
    assert weights[12, 19] == weights[12, 20] > 4.5
    assert weights[12, 19] > weights[12, 16] > weights[12, 12] > 0
    # an edge against the background is no border
    assert not weights[12, 4]
    assert not weights[:, 56:].any()
    assert made(labels).weights is None
    found = made(labels, border=Border(5.0))
    wrong = torch.zeros_like(found.maps)
    plain = object_loss(wrong, ObjectTargets(found.maps, found.known))
    at_border = wrong.clone()
    at_border[..., 12, 19:21] = -3.0
    elsewhere = wrong.clone()
    elsewhere[..., 4, 5:7] = -3.0
    assert object_loss(at_border, found) > object_loss(elsewhere, found)
    assert object_loss(wrong, found) == pytest.approx(float(plain), rel=0.2)


def test_the_loss_is_least_for_the_targets():
    found = made(ellipses(5))
    right = torch.logit(found.maps.clamp(1e-6, 1 - 1e-6))
    best = object_loss(right, found)
    for change in (0.3, -0.3):
        assert object_loss(right + change, found) > best
    empty = ObjectTargets(found.maps, torch.zeros_like(found.known))
    assert object_loss(right, empty) == 0
