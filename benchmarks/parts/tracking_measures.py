"""Measures of the Cell Tracking Challenge: TRA, DET and LNK.

AOGM, the acyclic oriented graph matching measure, is the weighted number of operations that turn the
graph of a result into the true one (Matula et al. 2015, 10.1371/journal.pone.0144959). A vertex is an
object in a frame; an edge leads from it to itself in the next frame, or from a mother to a daughter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unet.core.evaluation.overlaps import Overlaps

SPLIT, MISSED, FALSE = 5.0, 10.0, 1.0
"""Weights of operations on vertices: to split one, to add one, to delete one."""
REDUNDANT, ABSENT, WRONG_KIND = 1.0, 1.5, 1.0
"""Weights of operations on edges: to delete one, to add one, to change its kind."""

Vertex = tuple[int, int]
Line = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Lineages:
    """Tracks as the challenge has them.

    Attributes
    ----------
    masks
        (t, y, x) or (t, z, y, x) the number of the track.
    lines
        Number, first frame, last frame and parent (0: none) of each track.
    """

    masks: NDArray[np.integer]
    lines: list[Line]

    def edges(self) -> dict[tuple[Vertex, Vertex], bool]:
        """Return all edges, and whether each leads from a mother to a daughter."""
        last = {number: end for number, _, end, _ in self.lines}
        found = {}
        for number, begin, end, parent in self.lines:
            for t in range(begin, end):
                found[(t, number), (t + 1, number)] = False
            if parent:
                found[(last[parent], parent), (begin, number)] = True
        return found


@dataclass(frozen=True)
class TrackingScores:
    """What a result is worth, each from 0 to 1, and the operations that it lacks by name."""

    tra: float
    det: float
    lnk: float
    operations: dict[str, int]


def compare(result: Lineages, truth: Lineages) -> TrackingScores:
    """Compare a result with the truth, over the same pixels."""
    owner: dict[Vertex, list[Vertex]] = {}
    covers: Counter[Vertex] = Counter()
    n_vertices = n_result = 0
    for t, (mask, true) in enumerate(zip(result.masks, truth.masks, strict=True)):
        pairs = Overlaps.of(mask, true)
        n_vertices += len(pairs.true)
        n_result += len(pairs.predicted)
        for i, j in _detected(pairs):
            owner.setdefault((t, int(pairs.predicted[j])), []).append((t, int(pairs.true[i])))
            covers[(t, int(pairs.true[i]))] += 1
    operations = {
        "splits": sum(len(found) - 1 for found in owner.values()),
        "missed": n_vertices - len(covers),
        "false": n_result - len(owner),
    } | _edges(result, truth, {v: found[0] for v, found in owner.items() if len(found) == 1})
    vertices = _weighed(operations, {"splits": SPLIT, "missed": MISSED, "false": FALSE})
    edges = _weighed(
        operations, {"redundant": REDUNDANT, "absent": ABSENT, "wrong kind": WRONG_KIND}
    )
    no_vertices, no_edges = MISSED * n_vertices, ABSENT * len(truth.edges())
    return TrackingScores(
        _score(vertices + edges, no_vertices + no_edges),
        _score(vertices, no_vertices),
        _score(edges, no_edges),
        operations,
    )


def _detected(pairs: Overlaps) -> list[tuple[int, int]]:
    """Return which true and predicted objects meet: more than half of the true one is covered."""
    most = 2 * pairs.shared > pairs.true_sizes[pairs.rows]
    return list(zip(pairs.rows[most].tolist(), pairs.columns[most].tolist(), strict=True))


def _edges(result: Lineages, truth: Lineages, true_of: dict[Vertex, Vertex]) -> dict[str, int]:
    """Compare the edges between vertices that stand for one true vertex each."""
    true = truth.edges()
    found = {
        (true_of[a], true_of[b]): division
        for (a, b), division in result.edges().items()
        if a in true_of and b in true_of
    }
    return {
        "redundant": len(found.keys() - true.keys()),
        "absent": len(true.keys() - found.keys()),
        "wrong kind": sum(true[edge] != found[edge] for edge in found.keys() & true.keys()),
    }


def _weighed(operations: dict[str, int], weights: dict[str, float]) -> float:
    return sum(weight * operations[name] for name, weight in weights.items())


def _score(cost: float, of_nothing: float) -> float:
    return 1 - min(cost, of_nothing) / of_nothing
