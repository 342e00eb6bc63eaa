"""How good the bundled models are, on images set aside before they were trained.

    python benchmarks/models.py [NAME ...] [--data ../shared/data] [--models FOLDER ...]

What is set aside, by the experiment that an image comes from, is decided in training/, by the functions
that the trainings call; sets that a network learnt nothing of are judged by, too. Objects are judged by
average precision TP / (TP + FP + FN), pooled over all objects and as a mean over images, and by SEG, a
table for each set and a line for each source in it; why objects have no match is told in a few words.
What labels say nothing of does not count. Membranes are judged by the Rand score of Arganda-Carreras et
al. (2015, 10.3389/fnana.2015.00142): thinned, restricted to the inside of cells, at the model's own
threshold and at the best of 19, and by the share of wrong pixels; classes by their IoU.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

import cc3d
import numpy as np
from numpy.typing import NDArray
from parts.misses import tell_reasons
from parts.research import RESEARCH
from skimage.metrics import adapted_rand_error
from skimage.segmentation import watershed

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.evaluation.matching import ObjectScores, image_mean
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.evaluation.evaluate import evaluate
from napari_unet.services.evaluation.scores import ObjectsCompared
from napari_unet.services.library import bundled_folder
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import cells_phase_u373
import membranes_2d
import nuclei_3d
from sets import SETS, set_aside

LEVELS = (0.5, 0.8, 0.9)
MOST_SOURCES = 8
"""Sources of a set that get a line of their own."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(JUDGES))
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--models", nargs="+", type=Path, default=[bundled_folder(), RESEARCH])
    chosen = arguments.parse_args()
    for name in chosen.names or JUDGES:
        paths = [folder / f"{name}.safetensors" for folder in chosen.models]
        path = next((path for path in paths if path.exists()), None)
        print(f"\n{name}{'' if path else ': not there'}", flush=True)
        if path is not None:
            JUDGES[name](chosen.data, load_model(path))


def objects(data: Path, model: Model, *, sets: tuple[str, ...]) -> None:
    for name in sets:
        compared = {}
        for source, group in groupby(sorted(set_aside(data, name), key=_first), key=_first):
            compared[source] = list(_compared([each for _, each in group], model))
        every = [each for some in compared.values() for each in some]
        print(f" {name} ({SETS[name].kind})")
        _tell(every)
        if 1 < len(compared) <= MOST_SOURCES:
            for source, some in compared.items():
                total = _total(some).pooled
                figures = "  ".join(f"{total.ap[0, i]:.3f}" for i in _at(total))
                print(f"    {source:16s} {total.n_true[0]:4d} objects  {figures}")
        tell_reasons(every, LEVELS[0])


def frames(data: Path, model: Model) -> None:
    compared = list(_compared(cells_phase_u373.split(data)[1], model))
    _tell(compared)
    tell_reasons(compared, LEVELS[0])


def _first(pair: tuple[str, Annotation]) -> str:
    return pair[0]


def classes(data: Path, model: Model, *, sets: tuple[str, ...]) -> None:
    for name in sets:
        print(f" {name} ({SETS[name].kind})")
        aside = list(set_aside(data, name))
        for source, annotation in aside:
            _tell_classes(source, [annotation], model)
        _tell_classes("all", [annotation for _, annotation in aside], model)


def _tell_classes(title: str, annotations: list[Annotation], model: Model) -> None:
    found = finish(evaluate(annotations, model))
    each = ", ".join(f"{score.name} {score.iou:.3f}" for score in found.classes[1:])
    print(f"    {title:16s} IoU: {each}; mean {found.iou:.3f}", flush=True)


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


def _total(compared: list[ObjectsCompared]) -> ObjectScores:
    total = ObjectScores.zero()
    for each in compared:
        total += ObjectScores.of(each.overlaps)
    return total


def _tell(compared: list[ObjectsCompared]) -> None:
    _tell_scores(f"{len(compared)} images", _total(compared))


def _at(scores: ObjectScores) -> list[int]:
    return [int(np.flatnonzero(scores.thresholds == level)[0]) for level in LEVELS]


def _tell_scores(title: str, scores: ObjectScores) -> None:
    """Print what there is, weighing objects alike and, of several images, these."""
    all_of = scores.pooled
    at = _at(scores)
    print(f"  {title}, {all_of.n_true[0]} objects        AP .5   .8   .9   .5-.95   SEG")
    rows = [("by object", all_of.ap[0], all_of.seg[0])]
    if len(scores.n_true) > 1:
        rows.append(("by image", image_mean(scores.ap), float(image_mean(scores.seg))))
    for name, ap, seg in rows:
        figures = "  ".join(f"{ap[i]:.3f}" for i in at)
        print(f"    {name:12s} {figures}  {ap.mean():.3f}  {seg:.3f}")
    print(f"    {all_of.merges[0]} merge several, {all_of.splits[0]} are split", flush=True)


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


NUCLEI = ("nuclei-dsb2018", "nuclei-bbbc039", "nuclei-coelho2009", "nuclei-deepcell")
TISSUE = ("histology-tnbc", "histology-dsb2018")
PHASE = ("phase-usiigaci", "phase-deepcell", "phase-u373")
JUDGES: dict[str, Callable[[Path, Model], None]] = {
    "nuclei-fluorescence": partial(objects, sets=NUCLEI),
    "nuclei-histology": partial(objects, sets=TISSUE),
    "cells-phase": partial(objects, sets=PHASE),
    "cells-phase-research": partial(objects, sets=PHASE),
    "cells-phase-u373": frames,
    "bacteria": partial(objects, sets=("bacteria-deepcell",)),
    "everything": partial(objects, sets=(*NUCLEI, *TISSUE, *PHASE, "bacteria-deepcell")),
    "axons-em": partial(classes, sets=("em-axon-sem",)),
    "membranes-em": membranes,
    "nuclei-3d": volume,
}

if __name__ == "__main__":
    main()
