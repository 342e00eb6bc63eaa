"""How many examples property tests take: a quarter on each change, all of them at night.

HYPOTHESIS_PROFILE=full asks for all, drawn anew each time; without it the draw is always the same. Of a
test of many parameters that is marked ``each_value``, every value is met on each change, and every
combination at night.
"""

from __future__ import annotations

import os

from hypothesis import settings

FULL = os.environ.get("HYPOTHESIS_PROFILE", "ci") == "full"
EXAMPLES = 100
"""Of a test that does not say how many."""
FEWEST = 5


def load_profile():
    """Make the profile the default of all tests."""
    # how long an example takes says more of what else the machine does
    settings.register_profile("ci", max_examples=share(EXAMPLES), deadline=None, derandomize=True)
    settings.register_profile("full", max_examples=EXAMPLES, deadline=None)
    settings.load_profile("full" if FULL else "ci")


def examples(most, **others):
    """Settings of a test that takes this many examples at night."""
    return settings(max_examples=share(most), **others)


def share(most):
    return most if FULL else max(most // 4, FEWEST)


def each_value(cells):
    """Choose few cells of a table that have every value of every column.

    Parameters
    ----------
    cells
        Mappings of columns to values, one for each row.

    Returns
    -------
    list of int
        Positions of the rows, in order.
    """
    unseen = {pair for cell in cells for pair in cell.items()}
    chosen = []
    while unseen:
        best = max(range(len(cells)), key=lambda i: len(unseen & set(cells[i].items())))
        unseen -= set(cells[best].items())
        chosen.append(best)
    return sorted(chosen)


def without_most_combinations(items):
    """Return the tests to run, and those that are left to the night."""
    tables = {}
    for item in items:
        if item.get_closest_marker("each_value") and not FULL:
            tables.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left = set()
    for rows in tables.values():
        # by identity: not all of them can be hashed
        cells = [{k: id(v) for k, v in row.callspec.params.items()} for row in rows]
        chosen = each_value(cells)
        left |= {row for i, row in enumerate(rows) if i not in chosen}
    return [item for item in items if item not in left], [item for item in items if item in left]
