"""What a click may mean, and what is put in its place."""

from __future__ import annotations

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.objects.candidates import MOST, object_candidates
from napari_unet.core.objects.placing import place_object


def disc(shape, centre, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def iou(candidate, mask):
    inside = np.zeros(mask.shape, bool)
    inside[tuple(candidate.pixels.T)] = True
    return (inside & mask).sum() / (inside | mask).sum()


def maps_of(*masks):
    """Outputs of a network that sees these objects."""
    from scipy import ndimage

    foreground = np.any(masks, axis=0)
    depth = sum(ndimage.distance_transform_edt(m) / m.sum() ** 0.5 for m in masks)
    boundary = sum(m & ~ndimage.binary_erosion(m) for m in masks)
    return np.stack([255 * foreground, 255 * boundary, 255 * depth / depth.max()]).astype(np.uint8)


def test_a_missing_object_is_offered_first_with_and_without_a_network():
    mask = disc((80, 90), (40, 30), 9)
    image = np.random.default_rng(0).normal(10, 1, mask.shape) + 90 * mask
    nothing = np.zeros(mask.shape, np.uint32)
    for maps in (None, maps_of(mask)):
        found, first = object_candidates(image, maps, nothing, (41, 31), 18)
        assert iou(found[first], mask) > 0.7
        assert 1 < len(found) <= MOST
        sizes = [each.mask.sum() for each in found]
        assert sizes == sorted(sizes)


def test_of_two_that_were_taken_for_one_the_clicked_one_is_reached():
    one, other = disc((60, 80), (30, 30), 9), disc((60, 80), (30, 46), 9)
    image = 100.0 * (one | other)
    merged = (one | other).astype(np.uint32)
    found, first = object_candidates(image, maps_of(one, other), merged, (30, 28), 18)
    reached = found[max(first - 3, 0) : first + 4]
    assert max(iou(each, one) for each in reached) > 0.75
    assert iou(found[first], one | other) < 0.65, "it is wrong as it is"


@examples(24)
@given(
    st.tuples(st.integers(0, 39), st.integers(0, 49)),
    st.floats(2, 60),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_anything_offered_contains_the_click_and_lies_in_the_plane(click, diameter, seed, known):
    rng = np.random.default_rng(seed)
    maps = rng.integers(0, 255, (3, 40, 50), dtype=np.uint8) if known else None
    labels = rng.integers(0, 3, (40, 50)).astype(np.uint16)
    found, first = object_candidates(rng.normal(size=(40, 50)), maps, labels, click, diameter)
    for each in found:
        assert click in set(map(tuple, each.pixels.tolist()))
        assert ((each.pixels >= 0) & (each.pixels < labels.shape)).all()
    assert not found or 0 <= first < len(found)


@pytest.mark.parametrize("value", [0.0, np.nan, 7.0])
def test_an_image_of_one_value_is_no_problem(value):
    image = np.full((50, 50), value)
    object_candidates(image, None, np.zeros((50, 50), np.uint8), (25, 25), 10)


def placed(labels, mask, click, number=9):
    edit = place_object(labels, np.argwhere(mask), click, number)
    after = labels.copy()
    after[edit.where] = edit.values
    return after


def test_a_new_object_takes_nothing_from_others():
    labels = np.zeros((20, 20), np.uint16)
    labels[:, 10:] = 4
    after = placed(labels, disc((20, 20), (10, 8), 4), (10, 8))
    assert np.array_equal(after[labels == 4], labels[labels == 4])
    assert set(np.unique(after)) == {0, 4, 9}


def test_a_clicked_object_gets_the_new_shape_or_is_cut():
    labels = np.zeros((20, 30), np.uint16)
    labels[5:15, 5:25] = 4
    larger = np.zeros(labels.shape, bool)
    larger[4:16, 4:26] = True
    assert np.array_equal(placed(labels, larger, (10, 10)), 4 * larger)
    left = np.zeros(labels.shape, bool)
    left[5:15, 5:12] = True
    after = placed(labels, left, (10, 8))
    assert (after[left] == 9).all()
    assert np.array_equal(after > 0, labels > 0)


def test_pieces_within_become_one():
    labels = np.zeros((20, 30), np.uint16)
    labels[5:15, 5:12], labels[5:15, 12:25] = 4, 5
    whole = labels > 0
    assert np.array_equal(placed(labels, whole, (10, 20)), 5 * whole)


def test_one_output_is_the_foreground():
    mask = disc((60, 60), (30, 30), 9)
    maps = (255 * mask)[None].astype(np.uint8)
    found, first = object_candidates(100.0 * mask, maps, np.zeros(mask.shape, int), (30, 30), 18)
    assert iou(found[first], mask) > 0.8
