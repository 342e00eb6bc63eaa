"""Edits of painted labels: merging, deleting, filling, splitting, and classes that go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import (
    enclosed,
    fill_holes,
    free_number,
    line,
    new_object,
    remove_class,
    renumber,
    split,
)

small = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=3, max_side=9), elements=st.integers(0, 4)
)
AROUND = np.ones((3, 3))


def after(labels, edit):
    """The labels with an edit; those handed in must not have changed."""
    made = labels.copy()
    made[edit.where] = edit.values
    assert edit.values.dtype == labels.dtype
    return made


@given(small, st.integers(1, 4), st.integers(0, 4))
def test_renumbering_moves_one_number_and_nothing_else(labels, old, new):
    assert np.array_equal(
        after(labels, renumber(labels, old, new)), np.where(labels == old, new, labels)
    )


@given(small, st.integers(1, 4))
def test_a_class_that_goes_leaves_no_gap(labels, value):
    made = after(labels, remove_class(labels, value))
    assert not made[labels == value].any()
    assert np.array_equal(made[labels < value], labels[labels < value])
    assert np.array_equal(made[labels > value], labels[labels > value] - 1)


@given(small)
def test_a_free_number_is_free(labels):
    number = free_number(labels)
    assert number > 0
    assert not (labels == number).any()


def test_a_free_number_at_the_end_of_the_type_is_a_gap():
    labels = np.array([[1, 2, 4, 255]], np.uint8)
    assert free_number(labels) == 3
    with pytest.raises(UserError, match="no free number"):
        free_number(np.arange(256, dtype=np.uint8).reshape(16, 16))


@given(small, st.integers(1, 4))
def test_filling_takes_background_only_and_all_that_is_enclosed(labels, number):
    mask = labels == number
    holes = ndimage.binary_fill_holes(mask) & (labels == 0)
    if not holes.any():
        with pytest.raises(UserError, match="no holes"):
            fill_holes(labels, number)
        return
    assert np.array_equal(
        after(labels, fill_holes(labels, number)), np.where(holes, number, labels)
    )


points = arrays(
    float, st.tuples(st.integers(1, 5), st.just(2)), elements=st.floats(-9, 20, width=32)
)


@given(points)
def test_the_pixels_of_a_line_are_neighbours_and_it_passes_its_points(drawn):
    pixels = line(drawn)
    steps = np.abs(np.diff(pixels, axis=0)).sum(axis=1)
    assert (steps == 1).all()
    passed = {tuple(p) for p in pixels.tolist()}
    assert {tuple(p) for p in np.round(drawn).astype(int).tolist()} <= passed


def mask_of(pixels, shape):
    mask = np.zeros(shape, bool)
    inside = ((pixels >= 0) & (pixels < shape)).all(axis=1)
    mask[tuple(pixels[inside].T)] = True
    return mask


@given(arrays(np.uint8, (12, 12), elements=st.integers(0, 2)), points)
def test_splitting_gives_every_pixel_of_one_object_a_number_and_spares_the_others(labels, drawn):
    cut = mask_of(line(drawn), labels.shape)
    try:
        edit = split(labels, cut, 7)
    except UserError:
        assume(False)
    made = after(labels, edit)
    changed = np.unique(labels[made != labels])
    assert len(changed) == 1
    assert changed[0] > 0
    assert set(np.unique(made[made != labels])) <= set(range(7, 150))
    assert (made == changed[0]).any(), "the largest piece keeps its number"
    assert (made == 7).any()


@given(st.integers(3, 8), st.integers(3, 8), st.floats(0, 0.99), st.booleans())
def test_a_line_across_a_rectangle_leaves_two_connected_sides(height, width, where, upright):
    labels = np.zeros((height + 4, width + 4), np.uint32)
    labels[2:-2, 2:-2] = 3
    at = 3 + int(where * ((width if upright else height) - 2))
    ends = [(0, at), (height + 3, at)] if upright else [(at, 0), (at, width + 3)]
    made = after(labels, split(labels, mask_of(line(np.array(ends, float)), labels.shape), 4))
    assert set(np.unique(made)) == {0, 3, 4}
    assert np.array_equal(made > 0, labels > 0)
    assert all(ndimage.label(made == n, AROUND)[1] == 1 for n in (3, 4))
    assert (made == 3).sum() >= (made == 4).sum() - max(height, width)


def test_lines_that_divide_nothing_say_so():
    labels = np.zeros((10, 10), int)
    labels[2:8, 2:8] = 1
    with pytest.raises(UserError, match="crosses no object"):
        split(labels, mask_of(np.array([[0, 0], [0, 1]]), labels.shape), 2)
    with pytest.raises(UserError, match="does not split"):
        split(labels, mask_of(line(np.array([(0.0, 5), (5, 5)])), labels.shape), 2)


def test_pieces_that_no_line_touches_keep_their_number():
    labels = np.zeros((10, 20), int)
    labels[2:8, 2:8] = labels[2:8, 12:18] = 1
    made = after(
        labels, split(labels, mask_of(line(np.array([(0.0, 5), (9, 5)])), labels.shape), 2)
    )
    assert (made[2:8, 12:18] == 1).all()
    assert set(np.unique(made[2:8, 2:8])) == {1, 2}


def test_a_wall_divides_a_volume():
    labels = np.zeros((4, 10, 10), int)
    labels[:, 2:8, 2:8] = 1
    cut = mask_of(line(np.array([(0.0, 4), (9, 4)])), (10, 10))
    made = after(labels, split(labels, np.broadcast_to(cut, labels.shape), 2))
    assert set(np.unique(made)) == {0, 1, 2}
    assert (made == made[:1]).all()


def test_an_outline_becomes_an_object_that_overlaps_none():
    labels = np.zeros((20, 20), np.uint16)
    labels[:, :6] = 3
    inside = np.zeros(labels.shape, bool)
    corners = np.array([(4, 2), (4, 12), (14, 12), (14, 2)])
    inside[tuple(enclosed(corners, labels.shape).T)] = True
    edit = new_object(labels, inside, 4)
    after = labels.copy()
    after[edit.where] = edit.values
    wanted = labels.copy()
    wanted[4:15, 6:13] = 4
    assert np.array_equal(after, wanted)
    with pytest.raises(UserError, match="encloses no background"):
        new_object(after, inside, 5)


def test_an_outline_that_leaves_the_image_ends_at_its_edge():
    pixels = enclosed(np.array([(-5.0, -5.0), (-5.0, 3.0), (3.0, 3.0), (3.0, -5.0)]), (10, 10))
    assert {tuple(pixel) for pixel in pixels} == {(y, x) for y in range(4) for x in range(4)}
