"""Where to paint next: whether "Next" reaches with less paint what windows at random reach.

    python benchmarks/next_region.py [--data ../shared/data] [--parts nuclei em] [--seeds 2]
        [--rounds 5] [--steps 40] [--results FOLDER]

A simulated annotator gets the true labels of two windows a round, and the network is tuned on all
windows so far in a fixed number of steps, going on from the last round. The windows are chosen by
"Next" or at random among those that are not annotated; both have one size, so that a round costs the
same paint. Judged on images that are set aside.

nuclei: `nuclei-broad`, tuned on the objects of windows of 80 pixels from 24 images of BBBC038 cropped
to 256 × 256; mean foreground IoU over 40 others. All are drawn from one half of the images.
em: from scratch on the classes of windows of 160 pixels from 15 slices of ISBI 2012; mean IoU of cell
and membrane on the other 5. The first round is at random for both: there is no network to ask.

What "Next" needs is the share of the paint of all rounds at which it reaches the quality that random
windows reach at the end, interpolated between rounds. The goal is 60 %.

On 2 cores at rest, a part with 2 seeds, 5 rounds and 40 steps should take 10 to 15 minutes: 20
trainings of 10 to 25 s, and as many looks at pool and test images. With --results, each finished series
is kept as a JSON file, and a later call with the same settings goes on from there.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.core.annotations.annotation import Annotation, Kind
from napari_unet.core.annotations.regions import Region
from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.evaluation.next_region import best_windows, block_sums
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.library import Library
from napari_unet.services.segmentation.cached_outputs import cache_outputs
from napari_unet.services.segmentation.next_region import Place, next_regions, uncertainty_map
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

WINDOWS = 2
"""Windows a round."""
POOL, TEST, CROP = 24, 40, 256
EM_TRAIN = 15
PATCH = 128
"""Side of the patches in pixels: of larger ones most would not be annotated."""
GOAL = 0.6


@dataclass(frozen=True)
class Task:
    """What there is to learn.

    Attributes
    ----------
    image, truth, kind
        A stack to paint on, its true labels, and what they mean.
    start
        The network to begin with.
    quality
        Judges a network on what was set aside, 0 to 1.
    """

    image: Image
    truth: NDArray[Any]
    kind: Kind
    start: Model | NewModel
    quality: Callable[[Model], float]


def main() -> None:
    import torch  # after the package, which says how its threads are to wait

    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--parts", nargs="+", default=["nuclei", "em"], choices=["nuclei", "em"])
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--steps", type=int, default=40)
    arguments.add_argument("--results", type=Path)
    chosen = arguments.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    for part in chosen.parts:
        compare(part, chosen)


def compare(part: str, chosen: argparse.Namespace) -> None:
    """Run both ways of choosing with each seed, and print what they come to."""
    print(f"\n{part}: {WINDOWS} windows a round, {chosen.steps} steps", flush=True)
    curves: dict[str, list[list[list[float]]]] = {"next": [], "random": []}
    for seed in range(chosen.seeds):
        for way, found in curves.items():
            found.append(_series(part, way, seed, chosen))
            told = "  ".join(f"{paint:.1%}: {quality:.3f}" for paint, quality in found[-1])
            print(f"  seed {seed}, {way:6}  {told}", flush=True)
        told = _told(curves["next"][-1], curves["random"][-1])
        print(f"  seed {seed}: {told}", flush=True)
    means = {way: np.mean(found, axis=0).tolist() for way, found in curves.items()}
    told = _told(means["next"], means["random"])
    print(f"  mean of {chosen.seeds}: {told} (goal: {GOAL:.0%})", flush=True)


def needed(found: list[list[float]], other: list[list[float]]) -> float:
    """Return the share of all paint at which a curve reaches another's end; NaN: it doesn't.

    Both are lists of paint and quality, round by round, and begin alike without paint.
    """
    total, goal = other[-1]
    for (paint, quality), (more, better) in pairwise(found):
        if better >= goal > quality:
            return (paint + (goal - quality) / (better - quality) * (more - paint)) / total
    return float("nan")


def _told(found: list[list[float]], other: list[list[float]]) -> str:
    if other[-1][1] <= other[0][1]:
        return "random windows gained nothing, so that there is nothing to reach"
    share = needed(found, other)
    if np.isnan(share):
        return "Next does not reach what random windows reach"
    return f"Next reaches with {share:.0%} of the paint what random windows reach"


def _series(part: str, way: str, seed: int, chosen: argparse.Namespace) -> list[list[float]]:
    """Return share of pixels painted and quality, before the first round and after each."""
    settings = {"part": part, "way": way, "seed": seed, "windows": WINDOWS}
    settings |= {"rounds": chosen.rounds, "steps": chosen.steps}
    file = None
    if chosen.results is not None:
        chosen.results.mkdir(parents=True, exist_ok=True)
        file = chosen.results / ("-".join(map(str, settings.values())) + ".json")
        if file.exists():
            return json.loads(file.read_text())["curve"]
    began = time.monotonic()
    task = {"nuclei": nuclei, "em": em}[part](chosen.data, seed)
    curve = learn(task, way, seed, chosen.rounds, chosen.steps)
    if file is not None:
        seconds = round(time.monotonic() - began)
        file.write_text(json.dumps({**settings, "seconds": seconds, "curve": curve}, indent=1))
    return curve


def learn(task: Task, way: str, seed: int, rounds: int, steps: int) -> list[list[float]]:
    """Annotate and learn, round by round."""
    network = task.start
    done: list[Place] = []
    blank = isinstance(network, NewModel)
    # a network that has learnt nothing calls all pixels one thing or nothing
    curve = [[0.0, 0.0 if blank else task.quality(network)]]
    for turn in range(rounds):
        if way == "random" or isinstance(network, NewModel):
            done += at_random(task, done, 1000 * seed + turn)
        else:
            maps = finish(cache_outputs(task.image, network, SegmentOptions()))
            annotations = [annotation(task, done)] if done else []
            done += finish(next_regions(finish(uncertainty_map(maps)), annotations, count=WINDOWS))
        options = FinetuneOptions(seed=seed, steps=steps, minutes=None, patch=PATCH)
        network = finish(finetune([annotation(task, done)], network, options)).model
        area = sum(_pixels(place) for place in done)
        curve.append([area / task.truth.size, task.quality(network)])
    return curve


def at_random(task: Task, done: list[Place], seed: int) -> list[Place]:
    """Return windows of the size of Next's, anywhere but where one has been."""
    rng = np.random.default_rng(seed)
    shape = task.truth.shape[1:]
    blocks = block_sums(np.ones(shape, np.float32))
    everywhere = np.broadcast_to(blocks, (len(task.truth), *blocks.shape))
    found: list[Place] = []
    while len(found) < WINDOWS:
        # one pixel that is unsure draws the window that holds it
        unsure = np.zeros(everywhere.shape, np.float32)
        unsure.ravel()[rng.integers(unsure.size)] = 1
        visited = [place.window for place in (*done, *found)]
        (window,) = best_windows(unsure, everywhere, shape, 1, visited)
        if window.score > 0:
            found.append(Place(window, {task.image.axes[0]: window.plane}, "at random"))
    return found


def annotation(task: Task, places: list[Place]) -> Annotation:
    """The true labels inside some windows."""
    axis = task.image.axes[0]
    regions = []
    for place in places:
        rows, columns, z = place.window.rows, place.window.columns, place.window.plane
        span = {axis: (z, z + 1)}
        box = Region.box((rows.start, rows.stop), (columns.start, columns.stop), **span)
        regions.append(box)
    return Annotation(task.image, task.truth, task.kind, tuple(regions))


def _pixels(place: Place) -> int:
    rows, columns = place.window.rows, place.window.columns
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def nuclei(data: Path, seed: int) -> Task:
    folder = data / "nuclei-dsb2018"
    names = sorted(path.name for path in (folder / "images").iterdir())
    names = random.Random("half").sample(names, len(names) // 2)
    order = random.Random(seed).sample(names, POOL + TEST)

    def stack(kind: str, chosen: list[str]) -> NDArray[Any]:
        each = (tifffile.imread(folder / kind / name)[:CROP, :CROP] for name in chosen)
        return np.stack(list(each))

    pixels, masks = (stack(kind, order[POOL:]) for kind in ("images", "masks"))
    truth = stack("masks", order[:POOL]).astype(np.int32)
    image = Image(stack("images", order[:POOL]), "TYX", name="nuclei")

    def quality(model: Model) -> float:
        labels = finish(segment(Image(pixels, "TYX"), model)).labels > 0
        pairs = zip(labels.astype(int), (masks > 0).astype(int), strict=True)
        return float(np.nanmean([Confusion.of(a, b, 2).foreground_iou for a, b in pairs]))

    return Task(image, truth, "objects", finish(Library().load("nuclei-broad")), quality)


def em(data: Path, seed: int) -> Task:
    pixels = tifffile.imread(data / "em-isbi2012" / "volume.tif")
    cells = (tifffile.imread(data / "em-isbi2012" / "labels.tif") > 0).astype(np.uint8)
    order = np.random.default_rng(seed).permutation(len(pixels))
    train, test = np.sort(order[:EM_TRAIN]), np.sort(order[EM_TRAIN:])

    def quality(model: Model) -> float:
        labels = finish(segment(Image(pixels[test], "ZYX"), model)).labels
        return float(Confusion.of(labels, cells[test].astype(int), 2).iou.mean())

    start = NewModel(base=16, classes=("cell",), seed=seed)
    return Task(Image(pixels[train], "ZYX", name="em"), cells[train], "classes", start, quality)


if __name__ == "__main__":
    main()
