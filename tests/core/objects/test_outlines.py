"""Outlines, filled again, give the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.core.objects import outlines as module
from napari_unet.core.objects.outlines import fill, outlines


@st.composite
def label_images(draw):
    """Random labels, with holes, islands in holes, pixels that touch at corners, single pixels."""
    shape = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = ndimage.gaussian_filter(random.random(shape), draw(st.sampled_from([0, 0.7, 1.5])))
    levels = draw(st.integers(2, 5))
    edges = np.quantile(noise, np.linspace(0, 1, levels + 1)[1:-1])
    numbers = np.digitize(noise, edges)
    high = draw(st.sampled_from([1, 1000, 2**31]))
    return (numbers * high).astype(draw(st.sampled_from([np.uint32, np.int64])))


def drawn(found, shape, dtype):
    labels = np.zeros(shape, dtype)
    for outline in found:
        for part in outline.polygons():
            rows, columns, inside = fill(part, shape)
            labels[rows, columns][inside] = outline.label
    return labels


@given(label_images(), st.sampled_from([1, 3, 256]))
@settings(max_examples=150, deadline=None)
def test_outlines_are_exact(labels, band):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BAND", band)
        found = outlines(labels)
    assert [each.label for each in found] == np.unique(labels[labels > 0]).tolist()
    np.testing.assert_array_equal(drawn(found, labels.shape, labels.dtype), labels)
    for each in found:
        mask = labels == each.label
        holes = ndimage.label(~np.pad(mask, 1), np.ones((3, 3)))[1] - 1
        assert len(each.polygons()) == ndimage.label(mask)[1]
        assert sum(len(part) - 1 for part in each.polygons()) == holes


def test_rings_run_clockwise_and_holes_the_other_way():
    labels = np.ones((5, 6), np.uint8)
    labels[2, 3] = 0
    (ring,) = outlines(labels)
    outer, hole = ring.polygons()[0]
    assert sorted(map(tuple, outer.tolist())) == [(0, 0), (0, 5), (6, 0), (6, 5)]
    assert module._area(outer) == 30
    assert module._area(hole) == -1


def test_any_polygon_is_filled_where_it_holds_centres():
    rows, columns, inside = fill([np.array([[0.2, 0.2], [9.7, 0.2], [0.2, 9.7]])], (8, 8))
    y, x = np.mgrid[rows, columns] + 0.5
    np.testing.assert_array_equal(inside, (x > 0.2) & (y > 0.2) & (x + y < 9.9))
