"""Diameters of the objects in labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.objects.diameters import diameters, has_nets, two_sizes, typical


def ball(size: float, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    middle = [(n - 1) / 2 for n in shape]
    grid = np.indices(shape)
    distance = sum(((g - m) * s) ** 2 for g, m, s in zip(grid, middle, spacing, strict=True))
    return (distance < (size / 2) ** 2).astype(np.int32)


@pytest.mark.parametrize("size", [9.0, 21.0, 40.0])
def test_a_disc_and_a_ball_have_the_diameter_that_they_were_drawn_with(size):
    assert diameters(ball(size, (60, 60), (1, 1))) == pytest.approx([size], rel=0.05)
    flat = ball(size, (30, 60, 60), (2, 1, 1))
    assert diameters(flat, (2.0, 1.0, 1.0)) == pytest.approx([size], rel=0.05)


def test_what_the_edge_cuts_is_left_out_if_enough_remains():
    labels = np.zeros((40, 100), np.int32)
    for i in range(5):
        labels[10:20, 4 + 18 * i : 14 + 18 * i] = i + 1
    labels[0:2, 0:30] = 6
    assert len(diameters(labels)) == 5
    labels[labels == 3] = 0
    assert len(diameters(labels)) == 5


def test_a_ball_that_is_cut_in_depth_counts_by_its_width():
    whole = ball(30, (30, 60, 60), (1, 1, 1))
    assert diameters(whole[13:17]) == pytest.approx([30], rel=0.1)


def test_labels_that_mean_unknown_are_no_objects():
    assert len(diameters(np.full((9, 9), -1))) == 0


@given(small=st.floats(5, 20), ratio=st.floats(4, 8), n=st.integers(4, 12), m=st.integers(4, 12))
def test_two_sizes_are_told_apart(small, ratio, n, m):
    n, m = max(n, m // 2), max(m, n // 2)
    values = np.concatenate([np.full(n, small), np.full(m, small * ratio)])
    assert two_sizes(values) == pytest.approx((small, small * ratio))
    assert two_sizes(np.full(n + m, small)) is None
    # specks
    assert two_sizes(np.concatenate([np.full(2, 1.0), np.full(30, 20.0)])) is None


def test_the_typical_diameter_is_not_moved_by_a_few_specks():
    assert typical(np.array([1.0, 20, 21, 22, 400])) == 21


def test_membranes_are_told_from_objects():
    grid = np.zeros((60, 60), np.int32)
    grid[::12] = grid[:, ::12] = 1
    assert has_nets(grid)
    assert not has_nets(ball(20, (60, 60), (1, 1)))


def test_a_few_objects_are_not_of_two_sizes():
    assert two_sizes(np.array([1.0, 30.0])) is None


def test_numbers_may_be_missing_where_membranes_are_told_from_objects():
    labels = np.zeros((30, 30), np.uint8)
    labels[5:10, 5:10], labels[15:20, 15:20] = 1, 4
    assert not has_nets(labels)
