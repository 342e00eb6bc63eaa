"""What each part of the recipe for nuclei is worth: the same short training with one thing changed.

    python benchmarks/ablations.py FOLDER [--data ../shared/data] [--steps 600] [--seeds 2]
                                 [--variants NAME ...] [--tell]

Trained and judged on the images that training/nuclei_2d.py trains with: JUDGED of them, drawn by a
seeded rule, are for judging. Models and scores are kept in FOLDER; what is there already is not done
again, and an
interrupted training goes on. --tell prints the table of what is there.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.objects.find import connected_objects, find_objects
from napari_unet.core.progress import finish
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import nuclei_2d
from recipe import train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.model.spec import Model

LEVELS = (0.5, 0.8, 0.9)
JUDGED = 60
"""Images that are judged by."""
SHARE = 0.1
"""Of the nuclei that are annotated in the variant of that name."""
MARGIN = 12
"""Pixels around them that are annotated too."""
BLANK = nuclei_2d.BLANK
CLASSES = NewModel(base=16, classes=("nucleus",), normalization=BLANK.normalization)


def main() -> None:
    """Train what is missing, judge it, and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--steps", type=int, default=600)
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    arguments.add_argument("--tell", action="store_true")
    chosen = arguments.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    images = chosen.data / "nuclei-dsb2018"
    names = nuclei_2d.split(images)[0]
    judged = sorted(random.Random("ablations").sample(names, JUDGED))
    annotations = {name: nuclei_2d.annotation(images, name) for name in names}
    learnt = [annotations[name] for name in names if name not in judged]
    for seed in range(0 if chosen.tell else chosen.seeds):
        for name in chosen.variants:
            scores = chosen.folder / f"{name.replace(' ', '-')}-{seed}.json"
            if not scores.exists():
                model = _trained(name, learnt, seed, chosen.steps, scores)
                found = _judge(name, model, [annotations[each] for each in judged])
                scores.write_text(json.dumps(found))
    _tell(chosen.folder)


def _trained(name: str, learnt: Sequence[Annotation], seed: int, steps: int, scores: Path) -> Model:
    blank, changes, prepare = VARIANTS[name]
    options = nuclei_2d.FIRST.model_copy(
        update={"steps": steps, "seed": seed, "held_out": 0.0, **changes}
    )
    return train(prepare(learnt), blank, options, scores.with_suffix(".safetensors"), name=name)


def _everything(annotations: Sequence[Annotation]) -> list[Annotation]:
    return list(annotations)


def _tenth(annotations: Sequence[Annotation]) -> list[Annotation]:
    """Annotate a window of each image that holds a tenth of its nuclei, one at least."""
    rng = np.random.default_rng(0)
    found = []
    for annotation in annotations:
        labels = np.asarray(annotation.paint)
        numbers = np.unique(labels[labels > 0])
        if not numbers.size:
            continue
        centres = np.array([np.argwhere(labels == n).mean(axis=0) for n in numbers])
        middle = centres[rng.integers(len(centres))]
        near = np.argsort(np.abs(centres - middle).max(axis=1))
        inside = np.isin(labels, numbers[near[: max(1, round(SHARE * len(numbers)))]])
        spans = [
            (max(int(at.min()) - MARGIN, 0), min(int(at.max()) + 1 + MARGIN, n))
            for at, n in zip(np.nonzero(inside), labels.shape, strict=True)
        ]
        region = Region.box(*spans)
        found.append(Annotation(annotation.image, labels, "objects", regions=(region,)))
    return found


def _judge(name: str, model: Model, judged: Sequence[Annotation]) -> dict[str, list[float]]:
    """Return average precision at IoU 0.5, 0.8 and 0.9, pooled, of each way to find objects."""
    ways = WAYS if name == SHIPPED else {name: _both}
    if model.spec.task != "objects":
        ways = {name: lambda maps: connected_objects(maps[-1] > 0.5)}
    totals = dict.fromkeys(ways, ObjectScores.zero(LEVELS))
    for annotation in judged:
        options = SegmentOptions(probabilities=True)
        maps = finish(segment(annotation.image, model, options)).probabilities
        for title, way in ways.items():
            overlaps = Overlaps.of(way(maps), np.asarray(annotation.paint))
            totals[title] += ObjectScores.of(overlaps, LEVELS)
    return {title: total.pooled.ap[0].tolist() for title, total in totals.items()}


def _both(maps: NDArray[np.float32]) -> NDArray[np.uint32]:
    return find_objects(maps)


def _distance_alone(maps: NDArray[np.float32]) -> NDArray[np.uint32]:
    foreground, boundary, distance = maps
    return find_objects(np.stack([foreground, np.zeros_like(boundary), distance]))


def _boundary_alone(maps: NDArray[np.float32]) -> NDArray[np.uint32]:
    foreground, boundary, _ = maps
    return find_objects(np.stack([foreground, boundary, (1 - boundary) * foreground]))


def _tell(folder: Path) -> None:
    rows: dict[str, list[list[float]]] = {}
    for path in sorted(folder.glob("*.json")):
        for title, figures in json.loads(path.read_text()).items():
            rows.setdefault(title, []).append(figures)
    print("| changed | AP 0.5 | AP 0.8 | AP 0.9 | seeds |\n| --- | --- | --- | --- | --- |")
    for title, each in rows.items():
        mean, spread = np.mean(each, axis=0), np.std(each, axis=0)
        cells = (f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True))
        print(f"| {title} | {' | '.join(cells)} | {len(each)} |")


SHIPPED = "as shipped"
WAYS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.uint32]]] = {
    SHIPPED: _both,
    "objects from the distance alone": _distance_alone,
    "objects from the boundary alone": _boundary_alone,
}

VARIANTS: dict[
    str, tuple[NewModel, dict[str, Any], Callable[[Sequence[Annotation]], list[Annotation]]]
] = {
    SHIPPED: (BLANK, {}, _everything),
    "a tenth of the nuclei": (BLANK, {}, _tenth),
    "no elastic deformation": (
        BLANK,
        {"augment": nuclei_2d.FIRST.augment.model_copy(update={"elastic": 0.0})},
        _everything,
    ),
    "border weights": (BLANK, {"border_weight": 3.0}, _everything),
    "no average of the weights": (BLANK, {"average": 0.0}, _everything),
    "classes with border weights": (CLASSES, {"border_weight": 5.0}, _everything),
    "classes without border weights": (CLASSES, {"border_weight": 0.0}, _everything),
}
"""What is trained, which options are other, and on what."""

if __name__ == "__main__":
    main()
