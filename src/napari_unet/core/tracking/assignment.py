"""The cheapest way to link two sets, some of whose members may stay without a partner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.intp]

NEGLIGIBLE = 1e-6
"""Stands for a cost of zero, which sparse matrices can't tell from an entry that is missing."""


def assign(
    rows: Positions,
    columns: Positions,
    costs: NDArray[np.float64],
    shape: tuple[int, int],
    unlinked: float,
) -> tuple[Positions, Positions]:
    """Link rows with columns, each with at most one, at the least total cost.

    The linear assignment problem of Jaqaman et al. (2008, 10.1038/nmeth.1237): a link competes with
    leaving both its ends without a partner. Time and memory go with the number of candidates.

    Parameters
    ----------
    rows, columns
        (k,) the candidates for links, each pair once.
    costs
        (k,) their costs, 0 or more.
    shape
        Number of rows and of columns.
    unlinked
        Cost of a row or column without a partner.

    Returns
    -------
    tuple of ndarray
        Rows and columns of the links, by ascending row.
    """
    n, m = shape
    if not len(rows):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    entries = [
        (rows, columns, np.maximum(costs, NEGLIGIBLE)),
        (np.arange(n), m + np.arange(n), np.full(n, unlinked)),
        (n + np.arange(m), np.arange(m), np.full(m, unlinked)),
        # what a link leaves over fits together at no cost
        (n + columns, m + rows, np.full(len(rows), NEGLIGIBLE)),
    ]
    i, j, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    matrix = coo_array((values, (i, j)), shape=(n + m, n + m)).tocsr()
    first, second = min_weight_full_bipartite_matching(matrix)
    linked = (first < n) & (second < m)
    return first[linked].astype(np.intp), second[linked].astype(np.intp)
