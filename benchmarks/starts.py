"""What to begin with when a network is tuned to something new: from `everything`, or from scratch.

    python benchmarks/starts.py FOLDER [--data ../shared/data] [--models FOLDER ...] [--steps 120]
                                [--images 3] [--seeds 3] [--starts everything scratch ...] [--tell]

On sets of which none of the networks has learnt an image: a few images are drawn by a seeded rule, and
learnt as *Fine-tune* does, in a fixed number of steps with patches of PATCH pixels. Judged is by AP at
IoU .5 on up to JUDGED other images of the set. Scores are kept in FOLDER; what is there already
is not done again. --tell prints the table of what is there.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from parts.research import RESEARCH

from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.file import load_model
from napari_unet.core.progress import finish
from napari_unet.services.evaluation.evaluate import evaluate
from napari_unet.services.evaluation.scores import ObjectsCompared
from napari_unet.services.library import bundled_folder
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

from sets import SETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import Model

UNSEEN = (
    "nuclei-bbbc039",
    "nuclei-coelho2009",
    "nuclei-deepcell",
    "phase-deepcell",
    "phase-u373",
    "bacteria-deepcell",
)
JUDGED = 4
PATCH = 128
SCRATCH = "scratch"
FILE = "scores.jsonl"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--models", nargs="+", type=Path, default=[bundled_folder(), RESEARCH])
    arguments.add_argument("--steps", type=int, default=120)
    arguments.add_argument("--images", type=int, default=3)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--starts", nargs="+", default=["everything", SCRATCH])
    arguments.add_argument("--tell", action="store_true")
    chosen = arguments.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    scores = chosen.folder / FILE
    if not chosen.tell:
        for run in _runs(chosen):
            if run in [{k: v for k, v in each.items() if k in run} for each in _read(scores)]:
                continue
            found = _tune(run, chosen.data, chosen.models)
            with scores.open("a") as out:
                out.write(json.dumps({**run, **found}) + "\n")
            print(run, found, flush=True)
    _tell(_read(scores))


def _runs(chosen: argparse.Namespace) -> Iterator[dict[str, object]]:
    for seed in range(chosen.seeds):
        for name in UNSEEN:
            for start in chosen.starts:
                yield {
                    "set": name,
                    "start": start,
                    "images": chosen.images,
                    "steps": chosen.steps,
                    "seed": seed,
                }


def _tune(run: dict[str, object], data: Path, models: list[Path]) -> dict[str, float]:
    name, start, seed = str(run["set"]), str(run["start"]), int(str(run["seed"]))
    every = [each for part in SETS[name].divided(data).values() for _, each in part]
    order = random.Random(f"{name} {seed}").sample(sorted(every), len(every))
    n = int(str(run["images"]))
    learnt, judged = (
        [SETS[name].annotation(data, each, grey=True) for each in some]
        for some in (order[:n], order[n : n + JUDGED])
    )
    model = _start(start, models, seed)
    options = FinetuneOptions(
        steps=int(str(run["steps"])),
        minutes=None,
        seed=seed,
        task="objects",
        device="cpu",
        patch=PATCH,
    )
    before = None if isinstance(model, NewModel) else _ap(judged, model)
    began = time.process_time()
    result = finish(finetune(learnt, model, options))
    seconds = time.process_time() - began
    found = {"ap50": _ap(judged, result.model), "seconds": round(seconds, 1)}
    return found if before is None else {**found, "before": before}


def _start(name: str, models: list[Path], seed: int) -> Model | NewModel:
    if name == SCRATCH:
        # the architecture of the others, so that only what they know differs
        return NewModel(base=16, task="objects", seed=seed)
    paths = [folder / f"{name}.safetensors" for folder in models]
    return load_model(next(path for path in paths if path.exists()))


def _ap(judged: list[Annotation], model: Model) -> float:
    total = ObjectScores.zero()
    for step in evaluate(judged, model):
        if isinstance(step, ObjectsCompared):
            total += ObjectScores.of(step.overlaps)
    return round(float(total.pooled.ap[0, 0]), 4)


def _read(path: Path) -> list[dict[str, object]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _tell(scores: list[dict[str, object]]) -> None:
    starts = sorted({str(each["start"]) for each in scores})
    counts = sorted({int(str(each["images"])) for each in scores})
    for n in counts:
        print(f"\nAP .5 after {n} image(s), mean ± spread of seeds")
        print(f"{'':20s}" + "".join(f"{start:>22s}" for start in starts))
        means: dict[str, list[float]] = {start: [] for start in starts}
        for name in UNSEEN:
            row = f"{name:20s}"
            for start in starts:
                ap = [
                    float(str(each["ap50"]))
                    for each in scores
                    if (each["set"], each["start"], each["images"]) == (name, start, n)
                ]
                row += f"{np.mean(ap):14.3f} ± {np.std(ap):.3f}" if ap else f"{'–':>22s}"
                means[start] += [float(np.mean(ap))] if ap else []
            print(row)
        print(f"{'mean':20s}" + "".join(f"{np.mean(means[s]):14.3f}{'':8s}" for s in starts))


if __name__ == "__main__":
    main()
