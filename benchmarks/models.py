"""How good the bundled models are, on images set aside before they were trained.

    python benchmarks/models.py [--data ../shared/data] [--parts nuclei membranes cells volume]
                                [--models FOLDER]

What is set aside is decided in training/, by the same functions that the trainings call. Objects are
judged by average precision TP / (TP + FP + FN), pooled over all objects and as a mean over images, and
by SEG; nuclei and cells that are not found well enough come in a table of reasons. Membranes are judged
by the Rand score of Arganda-Carreras et al. (2015, 10.3389/fnana.2015.00142): thinned, restricted to the
inside of cells, at the model's own threshold and at the best of 19, and by the share of wrong pixels.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cc3d
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import adapted_rand_error
from skimage.segmentation import watershed

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.evaluation.matching import ObjectScores, image_mean, match
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.evaluation.evaluate import evaluate
from napari_unet.services.evaluation.label_pairs import LabelFrame
from napari_unet.services.evaluation.scores import ObjectsCompared
from napari_unet.services.library import bundled_folder
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import cells_phase
import membranes_2d
import nuclei_2d
import nuclei_3d

LEVELS = (0.5, 0.8, 0.9)
SMALL = 60
"""Pixels below which a nucleus counts as small."""
TOUCHED = 0.1
"""A true object that predictions cover less than this is missed."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    arguments.add_argument("--models", type=Path, default=bundled_folder())
    chosen = arguments.parse_args()
    for part in chosen.parts:
        name, judge = PARTS[part]
        path = chosen.models / f"{name}.safetensors"
        print(f"\n{name}{'' if path.exists() else ': not there'}", flush=True)
        if path.exists():
            judge(chosen.data, load_model(path))


def nuclei(data: Path, model: Model) -> None:
    folder = data / "nuclei-dsb2018"
    aside = [nuclei_2d.annotation(folder, name) for name in nuclei_2d.split(folder)[1]]
    compared = list(_compared(aside, model))
    _tell(compared)
    for level in LEVELS[:2]:
        _tell_reasons(compared, level)
    worst = sorted(compared, key=lambda each: ObjectScores.of(each.overlaps).ap[0, 0])[:8]
    print("  lowest average precision at IoU 0.5:")
    for each in worst:
        scores = ObjectScores.of(each.overlaps)
        print(
            f"    {scores.ap[0, 0]:.2f}  {scores.n_true[0]:4d} nuclei, {scores.fp[0, 0]} too many, "
            f"{scores.fn[0, 0]} without a match  {each.labels.title}"
        )


def membranes(data: Path, model: Model) -> None:
    pixels, truth = (each[-membranes_2d.ASIDE :] for each in membranes_2d.slices(data))
    options = SegmentOptions(probabilities=True)
    result = finish(segment(membranes_2d.image(pixels), model, options))
    membrane = result.probabilities[-1]
    level = model.spec.threshold
    own = [_rand(membrane[[i]], truth[[i]], level) for i in range(len(truth))]
    best = max(_rand(membrane, truth, level) for level in np.arange(1, 20) / 20)
    wrong = np.mean((membrane > level) != truth)
    each = ", ".join(f"{score:.3f}" for score in own)
    print(f"  {len(truth)} slices: Vrand, thinned {np.mean(own):.4f} at {level} ({each})")
    print(f"  at the best threshold {best:.4f}")
    print(f"  wrong pixels {100 * wrong:.2f} %, (goal: Vrand 0.97)")


def cells(data: Path, model: Model) -> None:
    compared = list(_compared(cells_phase.split(data)[1], model))
    _tell(compared)
    for level in LEVELS[:2]:
        _tell_reasons(compared, level)
    print("  (goal: SEG 0.92)")


def volume(data: Path, model: Model) -> None:
    image, truth = nuclei_3d.volume(data)
    found = finish(segment(image, model)).labels
    for title, rows in (
        ("rows set aside", slice(nuclei_3d.ASIDE, None)),
        ("rows trained on", slice(nuclei_3d.ASIDE)),
    ):
        scores = ObjectScores.of(Overlaps.of(found[:, rows], truth[:, rows]))
        _tell_scores(title, scores)


def _compared(aside: list[Annotation], model: Model) -> Iterator[ObjectsCompared]:
    for step in evaluate(aside, model):
        if isinstance(step, ObjectsCompared):
            yield step


def _tell(compared: list[ObjectsCompared]) -> None:
    total = ObjectScores.zero()
    for each in compared:
        total += ObjectScores.of(each.overlaps)
    _tell_scores(f"{len(compared)} images", total)


def _tell_scores(title: str, scores: ObjectScores) -> None:
    """Print what there is, weighing objects alike and, of several images, these."""
    all_of = scores.pooled
    at = [int(np.flatnonzero(scores.thresholds == level)[0]) for level in LEVELS]
    print(f"  {title}, {all_of.n_true[0]} objects        AP .5   .8   .9   .5-.95   SEG")
    rows = [("by object", all_of.ap[0], all_of.seg[0])]
    if len(scores.n_true) > 1:
        rows.append(("by image", image_mean(scores.ap), float(image_mean(scores.seg))))
    for name, ap, seg in rows:
        figures = "  ".join(f"{ap[i]:.3f}" for i in at)
        print(f"    {name:12s} {figures}  {ap.mean():.3f}  {seg:.3f}")
    print(f"    {all_of.merges[0]} merge several, {all_of.splits[0]} are split", flush=True)


def _tell_reasons(compared: list[ObjectsCompared], level: float) -> None:
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


def _rand(membrane: NDArray[np.float32], truth: NDArray[np.bool_], level: float) -> float:
    """Foreground-restricted Rand score after thinning, the mean of the slices."""
    scores = []
    for probability, wall in zip(membrane, truth, strict=True):
        found = cc3d.connected_components(probability <= level, connectivity=4)
        # until membranes have no width
        found = watershed(probability, found)
        real = cc3d.connected_components(~wall, connectivity=4)
        # pixels with label 0 in the truth do not count
        scores.append(1 - adapted_rand_error(real, found, ignore_labels=(0,))[0])
    return float(np.mean(scores))


PARTS = {
    "nuclei": ("nuclei-fluorescence", nuclei),
    "membranes": ("membranes-em", membranes),
    "cells": ("cells-phase", cells),
    "volume": ("nuclei-3d", volume),
}

if __name__ == "__main__":
    main()
