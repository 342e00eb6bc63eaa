"""Whether tuning ever harms other images: the part --stability of finetune.py.

Five data sets (stability_data.py), of which the parent knows much, something or nothing; 1, 3 and 10
planes, annotated in full or by 22 strokes each; several seeds, each with other images. Judged on images
that nothing was annotated in, by IoU of the foreground and AP at IoU 0.5, pooled over the images.

Goals: other images are never more than 0.01 below the parent in either figure, and better in the mean;
the curve of the held-out IoU ends within 0.02 of its best in 90 % of the runs.

Each run appends a line to a file of JSON lines, and runs that are in it are not repeated. The first
seed of all data sets comes first. Default settings take minutes a run; --steps, --patch and --batch make
it quicker, and then say little about how long a training needs, but much about whether it harms.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions
from parts.research import RESEARCH
from parts.stability_data import DATA_SETS, HALVES, Window

KINDS = ("objects", "scribbles")
PLANES = (1, 3, 10)
HARM, FALL = 0.01, 0.02
"""How far other images may be below the parent, and the end of the curve below its best."""
KEY = ("label", "half", "seed", "planes", "set", "kind")


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments of this benchmark."""
    arguments.add_argument(
        "--stability",
        nargs="?",
        type=Path,
        const=Path("stability.jsonl"),
        metavar="FILE",
        help="run this part alone; the file keeps the runs",
    )
    arguments.add_argument("--half", choices=HALVES, default="judging")
    arguments.add_argument(
        "--label", default="", help="name of the recipe, if several are compared"
    )
    arguments.add_argument("--planes", type=int, nargs="+", default=PLANES)
    arguments.add_argument("--sets", nargs="+", default=list(DATA_SETS), choices=DATA_SETS)
    arguments.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    arguments.add_argument("--steps", type=int, help="steps, without a time limit")
    arguments.add_argument("--patch", type=int)
    arguments.add_argument("--batch", type=int)


def run(chosen: argparse.Namespace) -> None:
    """Do the runs that are missing, and print the table."""
    rows = read(chosen.stability)
    done = {tuple(row[name] for name in KEY) for row in rows}
    for seed, planes, name, kind in itertools.product(
        range(chosen.seeds), chosen.planes, chosen.sets, chosen.kinds
    ):
        key = (chosen.label, chosen.half, seed, planes, name, kind)
        if key in done:
            continue
        row = dict(zip(KEY, key, strict=True)) | tune(chosen, name, kind, seed, planes)
        with chosen.stability.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(_line(row), flush=True)
    tell([row for row in read(chosen.stability) if row["label"] == chosen.label])


def read(path: Path) -> list[dict[str, Any]]:
    """Return the runs so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def tune(
    chosen: argparse.Namespace, name: str, kind: Any, seed: int, planes: int
) -> dict[str, Any]:
    """Tune once, and return the figures."""
    data_set = DATA_SETS[name]
    tuned, judged = data_set.split(chosen.data, chosen.half, seed, planes)
    parent = network(data_set.parent)
    options = FinetuneOptions(seed=seed, patch=chosen.patch, batch=chosen.batch)
    if chosen.steps:
        options = options.model_copy(update={"steps": chosen.steps, "minutes": None})
    began = time.monotonic()
    paint = [window.annotation(kind, seed + n) for n, window in enumerate(tuned)]
    result = finish(finetune(paint, parent, options))
    seconds = time.monotonic() - began
    status, scores = result.trained.status, (result.trained.before, result.trained.after)
    return {
        "tuned on": len(tuned),
        "judged by": len(judged),
        "before": parent_figures(data_set.parent, judged),
        "after": figures(result.model, judged),
        "held out": [None if each is None else round(each.score, 4) for each in scores],
        "curve": [point.iou and round(point.iou, 4) for point in status.curve],
        "verdict": result.verdict,
        "steps": status.step,
        "best": status.best_step,
        "trust": round(status.trust, 3),
        "share": status.best_share,
        "seconds": round(seconds),
    }


@cache
def network(name: str) -> Model:
    """Load a network of the package, or of the one for research in the repository."""
    research = RESEARCH / f"{name}.safetensors"
    return load_model(research) if research.exists() else finish(Library().load(name))


_OF_PARENTS: dict[tuple[str, ...], list[float]] = {}


def parent_figures(parent: str, judged: Sequence[Window]) -> list[float]:
    """Return the parent's figures, which are computed once."""
    key = (parent, *(window.name for window in judged))
    if key not in _OF_PARENTS:
        _OF_PARENTS[key] = figures(network(parent), judged)
    return _OF_PARENTS[key]


def figures(model: Model, judged: Iterable[Window]) -> list[float]:
    """Return the IoU of the foreground and AP at IoU 0.5 over some windows, at the pixels they have."""
    pixels, objects = Confusion.zero(2), ObjectScores.zero()
    for window in judged:
        image = Image(window.pixels, "YX", name=window.name)
        labels = finish(segment(image, model, SegmentOptions(objects=True, rescale=False))).labels
        pixels += Confusion.of((labels > 0).astype(int), (window.objects > 0).astype(int), 2)
        objects += ObjectScores.of(Overlaps.of(labels, window.objects))
    return [round(float(pixels.foreground_iou), 4), round(float(objects.pooled.ap[0, 0]), 4)]


def tell(rows: Sequence[dict[str, Any]]) -> None:
    """Print the means over the seeds, and whether the goals are reached."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["set"], row["kind"], row["planes"]].append(row)
    print(f"\n{'':40s}IoU of others      AP50 of others     worst   held out")
    for (name, kind, planes), group in groups.items():
        before, after = (np.mean([row[at] for row in group], axis=0) for at in ("before", "after"))
        worst = min(_change(row) for row in group)
        held = np.mean(
            [[math.nan if v is None else v for v in row["held out"]] for row in group], axis=0
        )
        print(
            f"{name:18s}{kind:10s}{planes:3d} × {len(group):d}     {before[0]:.3f} -> {after[0]:.3f}"
            f"     {before[1]:.3f} -> {after[1]:.3f}    {worst:+.3f}   {held[0]:.3f} -> {held[1]:.3f}"
        )
    changes = np.array([np.subtract(row["after"], row["before"]) for row in rows])
    curves = [curve for row in rows if (curve := [v for v in row["curve"] if v is not None])]
    steady = [curve[-1] >= max(curve) - FALL for curve in curves]
    harmed = [row for row in rows if _change(row) < -HARM]
    print(
        f"{len(rows)} runs: {len(harmed)} harm others by more than {HARM} (goal: none), the worst "
        f"{min(map(_change, rows)):+.3f}; in the mean IoU {changes[:, 0].mean():+.3f}, AP50 "
        f"{changes[:, 1].mean():+.3f}; {np.mean(steady):.0%} of {len(curves)} curves end within {FALL} "
        "of their best (goal: 90%)"
    )


def _change(row: dict[str, Any]) -> float:
    return float(min(np.subtract(row["after"], row["before"])))


def _line(row: dict[str, Any]) -> str:
    others = ", ".join(
        f"{old:.3f} -> {new:.3f}" for old, new in zip(row["before"], row["after"], strict=True)
    )
    return (
        f"{row['set']}, {row['kind']}, {row['planes']} planes, seed {row['seed']}: others {others}; "
        f"held out {row['held out']}, {row['steps']} steps (best {row['best']}) in {row['seconds']} s; "
        f"{row['verdict']}"
    )
