"""How a measure of objects is distributed, for groups of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.objects.measure import Columns

MAX_GROUPS = 12
"""Groups that can be told apart in a plot."""
NUMBERS = "label", "track", "parent"
"""Columns that number objects."""
MEASURES = "area", "volume", "intensity", "age"
"""How columns of whole numbers begin that are measures, and no groups."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of objects in bins that all groups share.

    Attributes
    ----------
    edges
        (bins + 1,) float64, rising.
    counts
        For each group, (bins,) the number of its objects.
    """

    edges: NDArray[np.float64]
    counts: Mapping[str, NDArray[np.int64]]


def measured_columns(columns: Columns) -> list[str]:
    """Return the columns that hold a measure, sizes and intensities before positions."""
    names = [
        name
        for name, values in columns.items()
        if name not in NUMBERS and np.asarray(values).dtype.kind in "iuf" and len(name) > 1
    ]
    return sorted(names, key=lambda name: name.startswith("centroid"))


def group_columns(columns: Columns) -> list[str]:
    """Return the columns that divide the objects into 2 to 12 groups, such as ``t`` or ``image``."""
    return [
        name
        for name, values in columns.items()
        if not name.startswith((*NUMBERS, *MEASURES))
        and np.asarray(values).dtype.kind in "iubUSO"
        and 1 < len(np.unique(np.asarray(values).astype(str))) <= MAX_GROUPS
    ]


def groups_of(columns: Columns, name: str | None) -> dict[str, NDArray[np.intp]]:
    """Return the rows of each group of a column, smaller values first; None: all in one group."""
    if name is None:
        n = len(columns["label"])
        return {"": np.arange(n)}
    values, inverse = np.unique(np.asarray(columns[name]), return_inverse=True)
    return {f"{name} {value}": np.flatnonzero(inverse == i) for i, value in enumerate(values)}


def histogram(
    values: NDArray[np.float64], groups: Mapping[str, NDArray[np.intp]]
) -> Histogram | None:
    """Count the values of each group in bins of one width.

    Parameters
    ----------
    values
        (n,) one for each object; what is not finite is left out.
    groups
        The rows of each group.

    Returns
    -------
    Histogram or None
        None if there is no finite value. Bins are as wide as the rule of Freedman and Diaconis says,
        between 5 and 60.
    """
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        edges = np.array([low - 0.5, low + 0.5])
    else:
        wanted = np.histogram_bin_edges(finite, "fd").size - 1 if len(finite) > 1 else 1
        edges = np.linspace(low, high, int(np.clip(wanted, 5, 60)) + 1)
    counts = {}
    for name, rows in groups.items():
        own = values[rows]
        counts[name] = np.histogram(own[np.isfinite(own)], edges)[0].astype(np.int64)
    return Histogram(edges, counts)


def replicate_means(
    columns: Columns,
    measure: str | None,
    by: str,
    unit: str,
    every: Sequence[tuple[str, str]] = (),
) -> dict[str, NDArray[np.float64]]:
    """Return the mean of a measure in each replicate, such as a well, for each group of replicates.

    Objects of one well are no independent observations, so that a group has as many points as wells.

    Parameters
    ----------
    columns
        The table of all images.
    measure
        A column of it; None: the number of objects.
    by, unit
        The columns that name the group and the replicate.
    every
        Group and replicate of all images: those without any object count, with 0, for the number.

    Returns
    -------
    dict of str to ndarray
        The groups in the order of their names; replicates in that of theirs, those without a finite
        value left out.
    """
    own = list(zip(columns[by].tolist(), columns[unit].tolist(), strict=True))
    pairs = sorted({*own, *(every if measure is None else ())})
    place = {pair: i for i, pair in enumerate(pairs)}
    which = np.array([place[pair] for pair in own], np.intp)
    if measure is None:
        means = np.bincount(which, minlength=len(pairs)).astype(np.float64)
    else:
        values = np.asarray(columns[measure], np.float64)
        known = np.isfinite(values)
        counts = np.bincount(which[known], minlength=len(pairs))
        sums = np.bincount(which[known], values[known], len(pairs))
        means = np.divide(sums, counts, out=np.full(len(pairs), np.nan), where=counts > 0)
    groups: dict[str, list[float]] = {}
    for (group, _), mean in zip(pairs, means.tolist(), strict=True):
        groups.setdefault(str(group), []).append(mean)
    found = {group: np.array(values) for group, values in groups.items()}
    return {group: values[np.isfinite(values)] for group, values in found.items()}


def row_of(columns: Columns, label: int, position: Mapping[str, int]) -> int | None:
    """Return the row of an object; None if it was not measured.

    Parameters
    ----------
    columns
        The table of `measure`.
    label
        Its number.
    position
        Where it was seen along other axes, such as ``{"T": 3}``; those that objects go through don't
        count.
    """
    matches = np.asarray(columns["label"]) == label
    for axis, i in position.items():
        if axis.lower() in columns:
            matches &= np.asarray(columns[axis.lower()]) == i
    rows = np.flatnonzero(matches)
    return int(rows[0]) if len(rows) else None
