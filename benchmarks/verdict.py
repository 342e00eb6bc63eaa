"""Whether the verdict on a tuned network is right: simulated corrections of what real networks find.

    python benchmarks/verdict.py [--data ../shared/data] [--cache DIR] [--runs 200]

A person corrects what one network finds on some images of nuclei, until so many objects are changed:
what agrees with the truth (IoU 0.7) stays as it is, all else is drawn anew or removed. Held out is what
`hold_out` chooses, and another network is compared with the first one on it. The verdict is right if it
agrees with the difference of the two in AP at IoU 0.5 on all images: better or worse beyond 0.1, and
equal, that is not decided, within 0.01. Pairs between are not drawn. Networks as in
`verdict_networks.py`; their outputs are computed once (20 minutes of one thread).
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from parts.verdict_networks import found_by

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.holdout import hold_out
from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.evaluation.matching import ObjectScores, match
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.evaluation.unit_scores import UnitScores
from napari_unet.core.evaluation.verdict import compare
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import Frame
from napari_unet.core.progress import finish
from napari_unet.core.sampling.dataset import ValidationWindow
from napari_unet.core.training.window_units import WindowUnits

Labels = NDArray[np.int32]
GOOD_IOU = 0.7
DECIDED, EQUAL = 0.1, 0.01
KINDS = ("better", "equal", "worse")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--cache", type=Path, default=Path("verdict_networks"))
    arguments.add_argument("--runs", type=int, default=200)
    arguments.add_argument("--changed", type=int, nargs="+", default=[3, 10, 30])
    arguments.add_argument("--verbose", action="store_true")
    chosen = arguments.parse_args()
    truths, found = found_by(chosen.data, chosen.cache)
    quality = {name: _ap(labels, truths) for name, labels in found.items()}
    pairs = _pairs(quality)
    for name, ap in quality.items():
        print(f"  {name}: AP50 {ap:.3f}")
    print("pairs:", {kind: len(some) for kind, some in pairs.items()}, flush=True)
    for changed in chosen.changed:
        counts: Counter[tuple[str, str]] = Counter()
        for run in range(chosen.runs):
            kind = KINDS[run % 3]
            rng = random.Random(f"{changed} {run}")
            before, after = rng.choice(pairs[kind])
            scores = _simulate(truths, found[before], found[after], changed, rng)
            result = compare(*scores) if scores else None
            counts[kind, result.outcome if result else "can't tell"] += 1
            if chosen.verbose:
                print(f"  {before} -> {after} ({quality[after] - quality[before]:+.3f}): {result}")
        _report(changed, counts)


def _report(changed: int, counts: Counter[tuple[str, str]]) -> None:
    runs = counts.total()
    wrong = sum(n for (kind, said), n in counts.items() if said not in (kind, "can't tell"))
    right = sum(counts[kind, kind] for kind in ("better", "worse"))
    differing = sum(n for (kind, _), n in counts.items() if kind != "equal")
    print(
        f"{changed} changed objects: wrong {wrong / runs:.1%}, right decided {right / differing:.1%}"
    )
    for kind in KINDS:
        said = ", ".join(f"{o} {counts[kind, o]}" for o in ("better", "worse", "can't tell"))
        print(f"  truly {kind}: {said}", flush=True)


def _ap(labels: list[Labels], truths: list[Labels]) -> float:
    scores = ObjectScores.zero([0.5])
    for each, truth in zip(labels, truths, strict=True):
        scores += ObjectScores.of(Overlaps.of(each, truth), [0.5])
    return float(scores.pooled.ap[0, 0])


def _pairs(quality: dict[str, float]) -> dict[str, list[tuple[str, str]]]:
    pairs: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for before, after in itertools.permutations(quality, 2):
        gain = quality[after] - quality[before]
        if abs(gain) <= EQUAL:
            pairs["equal"].append((before, after))
        elif abs(gain) >= DECIDED:
            pairs["better" if gain > 0 else "worse"].append((before, after))
    return pairs


def _simulate(
    truths: list[Labels], old: list[Labels], new: list[Labels], wanted: int, rng: random.Random
) -> tuple[UnitScores, UnitScores] | None:
    """Correct images until so many objects are changed; return the scores of both networks.

    None where nothing can be held out.
    """
    annotations, used, changed = [], [], 0
    for i in rng.sample(range(len(truths)), len(truths)):
        corrected, n = _correct(old[i], truths[i])
        if not n or changed + n > wanted + 2:
            continue
        image = Image(np.zeros(corrected.shape, np.uint8), "YX", name=str(i))
        annotations.append(Annotation(image, corrected, "objects", result_before=old[i]))
        used.append(i)
        changed += n
        if changed >= wanted:
            break
    inspected = finish(inspect_annotations(annotations, {1: "nucleus"}))
    held = finish(hold_out(inspected.truths, seed=rng.randrange(1000)))
    if not held.taken:
        return None
    return _scores(held.truths, [old[i] for i in used]), _scores(
        held.truths, [new[i] for i in used]
    )


def _scores(truths, labels: list[Labels]) -> UnitScores:  # type: ignore[no-untyped-def]
    units = WindowUnits(2)
    for truth, found in zip(truths, labels, strict=True):
        if any(truth.held.values()):
            frame = Frame(truth.annotation.image, {}, (0,), "YX")
            box = tuple(slice(0, n) for n in found.shape)
            units.add_objects(ValidationWindow(truth, frame, box, None), box, found)
    scores = units.scores()
    assert scores is not None
    return scores


def _correct(found: Labels, truth: Labels) -> tuple[Labels, int]:
    """Return the corrected labels, and how many objects were changed or removed."""
    overlaps = Overlaps.of(found, truth)
    good = match(overlaps, GOOD_IOU)
    kept = overlaps.predicted[overlaps.columns[good]]
    missed = np.setdiff1d(overlaps.true, overlaps.true[overlaps.rows[good]])
    removed = np.setdiff1d(overlaps.predicted, kept)
    # a bad outline that is drawn anew is one change
    replaced = np.unique(overlaps.columns[np.isin(overlaps.true[overlaps.rows], missed)])
    false = np.setdiff1d(removed, overlaps.predicted[replaced])
    corrected = np.where(np.isin(found, kept), found, 0)
    first = int(found.max(initial=0)) + 1
    for number, label in enumerate(missed, first):
        corrected[(truth == label) & (corrected == 0)] = number
    return corrected, len(missed) + len(false)


if __name__ == "__main__":
    main()
