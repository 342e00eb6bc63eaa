"""Doubt of each object of a result, and suspect annotations: whether they find what is wrong.

    python benchmarks/doubt.py [--data ../shared/data] [--fit]

Judged by nuclei that were set aside before the bundled network was trained. Weights and the share of
reasons were chosen on its training images only; `--fit` does that again and prints the weights.

*Doubt*: an object is wrong if its IoU with every true one is below 0.5. AUROC is the chance that a wrong
object is doubted more than a right one; of all objects, and the mean over images, in which a person goes
through the list. *Suspect annotations*: into the true labels 100 errors are planted of the kinds in
`parts/planted.py`; found are those of which an object is in the first tenth of the list.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from parts.planted import plant
from scipy import optimize, stats

from napari_unet.core.evaluation.disagreement import disagreement
from napari_unet.core.evaluation.doubt import SIGNS, doubts, object_signs, standard_signs
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.services.library import DEFAULT, Library
from napari_unet.services.segmentation.cached_outputs import cache_outputs
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.relabel import relabel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import nuclei_2d

WRONG_BELOW = 0.5
ERRORS, ROUNDS = 100, 5
FIRST_SHARE = 0.1
OPTIONS = SegmentOptions(rescale=False)

OTHERS = ("nuclei-bbbc039", "nuclei-coelho2009", "nuclei-deepcell")
"""Nuclei of other laboratories, at the scale that the network estimates."""

Result = tuple[NDArray, NDArray, NDArray]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--fit", action="store_true", help="Fit the weights again, and print them.")
    arguments = parser.parse_args()
    folder = arguments.data / "nuclei-dsb2018"
    model = finish(Library().load(DEFAULT))
    learnt, aside = nuclei_2d.split(folder)
    if arguments.fit:
        print_weights(results(folder, model, learnt), model.spec)
    judged = results(folder, model, aside)
    print_doubt(judged, model.spec)
    print_suspects(judged)
    for name in OTHERS:
        others = others_of(arguments.data / "more" / name, model)
        if others:
            print(f"{name}, ", end="")
            print_doubt(others, model.spec)


def others_of(folder: Path, model) -> list[Result]:
    """Return outputs, labels and true labels of the images of a folder; none if it is not there."""
    made = []
    for path in sorted((folder / "images").glob("*.tif")):
        image = Image(tifffile.imread(path), "YX", name=path.stem)
        outputs = finish(cache_outputs(image, model, SegmentOptions()))
        labels = np.asarray(finish(relabel(outputs, SegmentOptions())))
        truth = tifffile.imread(folder / "objects" / path.name).astype(np.int64)
        made.append((outputs.probabilities, labels, truth))
    return made


def results(folder: Path, model, names: list[str]) -> list[Result]:
    """Return outputs, labels and true labels of images."""
    made = []
    for name in names:
        annotation = nuclei_2d.annotation(folder, name)
        outputs = finish(cache_outputs(annotation.image, model, OPTIONS))
        labels = np.asarray(finish(relabel(outputs, OPTIONS)))
        made.append((outputs.probabilities, labels, np.asarray(annotation.paint).astype(np.int64)))
    return made


def is_wrong(labels: NDArray, truth: NDArray) -> NDArray[np.bool_]:
    """Return which objects have no true one with an IoU from 0.5 on."""
    overlaps = Overlaps.of(labels, truth)
    best = np.zeros(len(overlaps.predicted))
    np.maximum.at(best, overlaps.columns, overlaps.iou)
    return best < WRONG_BELOW


def auroc(values: NDArray, wrong: NDArray[np.bool_]) -> float:
    n = int(wrong.sum())
    ranks = stats.rankdata(values)
    return float((ranks[wrong].sum() - n * (n + 1) / 2) / (n * (len(wrong) - n)))


def print_doubt(judged: list[Result], spec) -> None:
    values, wrongs, each = [], [], []
    for outputs, labels, truth in judged:
        if not labels.any():
            continue
        doubt, _ = doubts([object_signs(labels, outputs, spec)])
        wrong = is_wrong(labels, truth)
        values.append(doubt)
        wrongs.append(wrong)
        if 0 < wrong.sum() < len(wrong):
            each.append(auroc(doubt, wrong))
    value, wrong = np.concatenate(values), np.concatenate(wrongs)
    first = np.argsort(-value, kind="stable")[: len(value) // 10]
    print(f"doubt: {wrong.sum()} of {len(wrong)} objects are wrong in {len(values)} images")
    print(f"  AUROC of all objects {auroc(value, wrong):.3f}")
    print(f"  AUROC within an image, mean of {len(each)}: {np.mean(each):.3f}")
    print(
        f"  in the first tenth of the list: {wrong[first].sum() / wrong.sum():.0%} of the wrong ones"
    )


def print_suspects(judged: list[Result]) -> None:
    shares, kinds = [], defaultdict(list)
    for seed in range(ROUNDS):
        changed, errors = plant([t for _, _, t in judged], ERRORS, np.random.default_rng(seed))
        keys, values = [], []
        for i, ((outputs, found, _), labels) in enumerate(zip(judged, changed, strict=True)):
            against = finish(disagreement(labels, found, outputs))
            keys += [(i, int(number)) for number in against.numbers]
            values.append(against.values)
        order = np.argsort(-np.concatenate(values), kind="stable")
        first = {keys[j] for j in order[: int(FIRST_SHARE * len(keys))]}
        hits = [any((image, n) in first for n in numbers) for _, image, numbers in errors]
        for (kind, _, _), hit in zip(errors, hits, strict=True):
            kinds[kind].append(hit)
        shares.append(np.mean(hits))
    drawn = ", ".join(f"{share:.0%}" for share in shares)
    print(f"suspect annotations: {ERRORS} errors among {len(keys)} entries, planted {ROUNDS} times")
    print(f"  in the first tenth: {np.mean(shares):.1%} ({drawn})")
    print("  " + ", ".join(f"{kind} {np.mean(hit):.0%}" for kind, hit in kinds.items()))


def print_weights(learnt: list[Result], spec) -> None:
    """Fit a logistic regression, with little regularisation of standardised signs."""
    pairs = [
        (standard_signs([object_signs(labels, outputs, spec)]), is_wrong(labels, truth))
        for outputs, labels, truth in learnt
        if labels.any()
    ]
    signs = np.concatenate([each for each, _ in pairs])
    wrong = np.concatenate([each for _, each in pairs])
    mean, spread = signs.mean(axis=0), signs.std(axis=0)
    design = np.column_stack([np.ones(len(signs)), (signs - mean) / spread])
    sides = np.where(wrong, 1.0, -1.0)

    def loss(weights: NDArray) -> tuple[float, NDArray]:
        against = -sides * (design @ weights)
        penalty = np.concatenate([[0], weights[1:]])
        slopes = -(design * (sides / (1 + np.exp(-against)))[:, None]).sum(axis=0)
        return np.logaddexp(0, against).sum() + (penalty**2).sum(), slopes + 2 * penalty

    found = optimize.minimize(loss, np.zeros(design.shape[1]), jac=True).x
    print(f"fit: {wrong.sum()} of {len(wrong)} objects are wrong in {len(pairs)} training images")
    print(f"  SIGNS = {SIGNS}\n  WEIGHTS = {tuple((found[1:] / spread).round(2).tolist())}")
    print(f"  TYPICAL = {tuple(mean.round(3).tolist())}\n  INTERCEPT = {found[0]:.2f}")
    print(f"  AUROC {auroc(design @ found, wrong):.3f}")
    print_suspects(learnt)


if __name__ == "__main__":
    main()
