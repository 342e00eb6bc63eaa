"""Measures of objects by group."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.objects.distribution import (
    group_columns,
    groups_of,
    histogram,
    measured_columns,
    replicate_means,
    row_of,
)

COLUMNS = {
    "label": np.array([1, 2, 1, 5]),
    "t": np.array([0, 0, 1, 1]),
    "area_px": np.array([4, 9, 4, 100]),
    "centroid_y_px": np.array([0.0, 1.0, 2.0, 3.0]),
    "intensity_mean": np.array([1.0, np.nan, 3.0, 4.0]),
    "touches_border": np.array([True, False, False, False]),
}


def test_sizes_come_before_positions_and_numbers_that_measure_nothing_are_left_out():
    assert measured_columns(COLUMNS) == ["area_px", "intensity_mean", "centroid_y_px"]
    assert group_columns(COLUMNS) == ["t", "touches_border"]


def test_a_number_that_comes_again_is_another_row():
    assert row_of(COLUMNS, 1, {"T": 1}) == 2
    assert row_of(COLUMNS, 1, {"T": 0, "Z": 7}) == 0
    assert row_of(COLUMNS, 2, {"T": 1}) is None


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=60), st.integers(1, 4))
def test_every_value_is_counted_once_in_its_group(values, n):
    values = np.array(values, float)
    columns = {"label": np.arange(len(values)), "g": np.arange(len(values)) % n}
    groups = groups_of(columns, "g")
    counted = histogram(values, groups)
    finite = np.isfinite(values)
    if counted is None:
        assert not finite.any()
        return
    assert np.all(np.diff(counted.edges) > 0)
    for name, rows in groups.items():
        assert counted.counts[name].sum() == finite[rows].sum()


def test_a_well_is_a_replicate_however_many_objects_it_has():
    columns = {
        "label": np.arange(6),
        "condition": np.array(["drug"] * 4 + ["none"] * 2),
        "well": np.array(["B02", "B02", "B02", "B03", "C02", "C03"]),
        "area_px": np.array([1.0, 2, 3, 10, 5, np.nan]),
    }
    means = replicate_means(columns, "area_px", "condition", "well")
    assert {name: values.tolist() for name, values in means.items()} == {
        "drug": [2, 10],
        "none": [5],
    }
    every = [("drug", "B02"), ("drug", "B03"), ("none", "C02"), ("none", "C03"), ("none", "C04")]
    counts = replicate_means(columns, None, "condition", "well", every)
    assert counts["none"].tolist() == [1, 1, 0], "a well without objects counts"
