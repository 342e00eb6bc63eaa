"""Why true objects have no match, and what predictions without one are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_unet.core.evaluation.matching import match
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.services.evaluation.label_pairs import LabelFrame
from napari_unet.services.evaluation.scores import ObjectsCompared

SMALL = 60
"""Pixels below which an object counts as small."""
TOUCHED = 0.1
"""A true object that predictions cover less than this is missed."""


def tell_reasons(compared: list[ObjectsCompared], level: float) -> None:
    """Print why true objects have no match, and what predictions without one are."""
    missing: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    for each in compared:
        missing.update(_reasons(each.labels, each.overlaps, level))
        extra.update(_extras(each.overlaps, level))
    for title, found in (("without a match", missing), ("too many", extra)):
        told = ", ".join(f"{n} {reason}" for reason, n in found.most_common())
        print(f"  at IoU {level}, {sum(found.values())} {title}: {told}")


def _reasons(labels: LabelFrame, overlaps: Overlaps, level: float) -> Iterator[str]:
    matched = set(overlaps.rows[match(overlaps, level)].tolist())
    merged = set(overlaps.rows[overlaps.merging].tolist())
    split = set(overlaps.rows[overlaps.splitting].tolist())
    covered = np.bincount(overlaps.rows, overlaps.shared, len(overlaps.true))
    edge = _edge_values(labels.truth)
    for i in set(range(len(overlaps.true))) - matched:
        if i in merged:
            yield "merged"
        elif i in split:
            yield "split"
        elif covered[i] < TOUCHED * overlaps.true_sizes[i]:
            yield "missed, small" if overlaps.true_sizes[i] < SMALL else "missed"
        elif overlaps.true[i] in edge:
            yield "at the image's edge"
        elif overlaps.true_sizes[i] < SMALL:
            yield "small, other outline"
        else:
            yield "other outline"


def _extras(overlaps: Overlaps, level: float) -> Iterator[str]:
    matched = set(overlaps.columns[match(overlaps, level)].tolist())
    covered = np.bincount(overlaps.columns, overlaps.shared, len(overlaps.predicted))
    for i in set(range(len(overlaps.predicted))) - matched:
        alone = covered[i] < TOUCHED * overlaps.predicted_sizes[i]
        yield "where nothing is labelled" if alone else "on labelled objects"


def _edge_values(labels: NDArray[np.integer]) -> set[int]:
    edges = labels[0], labels[-1], labels[:, 0], labels[:, -1]
    return set(np.concatenate(edges).tolist())
