"""Fine-tuning on real images with default settings: what little paint does, and in what time.

    python benchmarks/finetune.py [--data ../shared/data] [--parts nuclei em dic drift] [--seeds 3]
    python benchmarks/finetune.py --stability [FILE] [--seeds 3] [--half judging]

Images are set aside before training by a seeded shuffle, and none of them is used for any choice.

nuclei: the bundled network, tuned on the objects of 5 images of BBBC038, judged by its foreground IoU,
the mean over images, on 100 others. Default settings, which take 4.5 minutes. All are drawn from one
half of the images; settings were chosen with the other half.
em: from scratch on 15 slices of ISBI 2012, once with scribbles on at most 2 % of the pixels and once
with dense labels, in the same number of steps; judged on the other 5 slices.
dic: from scratch on 4 frames of DIC-C2DH-HeLa, in which several cells are not labelled; once as it
stands, so that these are background, and once with boxes around what was labelled in full. Judged by
the share of discs in the unlabelled cells, marked by hand, that becomes foreground, in these frames and
in two others.
drift: the bundled network for nuclei, right already, tuned on right strokes on one plane of the sample,
along the middle of nuclei and background, as one would paint in passing. Judged by how its nuclei on the
other planes agree with those before: nothing calls for a change there.
--stability: whether tuning ever harms, over five data sets; see parts/stability.py.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from parts import stability
from parts.scribbles import PAINTED, scribbles

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.evaluation.confusion import Confusion
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.files.images import open_image
from napari_unet.services.library import DEFAULT, Library
from napari_unet.services.samples import sample_path
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions
from napari_unet.services.training.result import FinetuneResult

TRAIN, TEST = 5, 100
"""Images of the nuclei that are painted, and of the others that are judged by."""
EM_STEPS, DIC_STEPS, DRIFT_STEPS = 100, 100, 60
DISC = 20
"""Radius of the discs in cells without a label, in pixels."""
DRIFT_PLANE = 3
"""Plane of the sample that is painted."""

DIC_TRAIN = (2, 5, 21, 31)
DIC_CHECKED = {
    2: [(90, 512, 0, 255), (0, 180, 200, 512), (420, 512, 255, 512)],
    5: [(130, 512, 0, 240), (0, 150, 200, 430), (420, 512, 280, 512)],
    21: [(0, 215, 100, 400), (215, 512, 0, 180), (450, 512, 250, 512)],
    31: [(100, 340, 60, 345), (300, 512, 0, 190), (0, 170, 240, 430)],
}
"""Boxes (y, y, x, x) in which every cell is labelled, seen by eye."""
DIC_UNLABELLED = {
    2: [(334, 314), (295, 434)],
    5: [(206, 328), (318, 311), (295, 429), (55, 499)],
    21: [(291, 330), (295, 433), (398, 279)],
    31: [(265, 425), (397, 272)],
    33: [(162, 288), (294, 305), (311, 431), (397, 277)],
    34: [(162, 325), (277, 307), (305, 427), (391, 336)],
}
"""Centres (y, x) of cells without a label, likewise."""


def main() -> None:
    import torch  # after the package, which says how its threads are to wait

    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--parts", nargs="+", default=["nuclei", "em", "dic", "drift"])
    arguments.add_argument("--seeds", type=int, default=3)
    stability.add_arguments(arguments)
    chosen = arguments.parse_args()
    if chosen.stability:
        stability.run(chosen)
        return
    parts = {"nuclei": nuclei, "em": em, "dic": dic, "drift": drift}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    for part in chosen.parts:
        parts[part](chosen.data, chosen.seeds)


def nuclei(data: Path, seeds: int) -> None:
    folder = data / "nuclei-dsb2018"
    names = sorted(path.name for path in (folder / "images").iterdir())
    names = random.Random("half").sample(names, len(names) // 2)
    parent = finish(Library().load("nuclei-broad"))
    scores = []
    print(f"\nnuclei: {TRAIN} images painted, {TEST} others to judge by", flush=True)
    for seed in range(seeds):
        order = random.Random(seed).sample(names, TRAIN + TEST)
        annotations = [
            Annotation(
                _open(folder / "images" / name), _objects(folder / "masks" / name), "objects"
            )
            for name in order[:TRAIN]
        ]
        began = time.monotonic()
        result = finish(finetune(annotations, parent, FinetuneOptions(seed=seed)))
        seconds = time.monotonic() - began
        both = [_mean_iou(model, folder, order[TRAIN:]) for model in (parent, result.model)]
        scores.append((*both, seconds))
        print(
            f"  seed {seed}: IoU {both[0]:.3f} -> {both[1]:.3f} in {seconds:.0f} s, "
            f"{_told(result)}; {result.verdict}",
            flush=True,
        )
    mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
    print(
        f"  mean of {seeds}: {mean[0]:.3f} -> {mean[1]:.3f} ± {spread[1]:.3f} in {mean[2]:.0f} s "
        "(goal: 0.88 in 300 s)",
        flush=True,
    )


def em(data: Path, seeds: int) -> None:
    pixels = tifffile.imread(data / "em-isbi2012" / "volume.tif")
    cells = tifffile.imread(data / "em-isbi2012" / "labels.tif") > 0
    print(f"\nem: 15 slices from scratch, {EM_STEPS} steps, judged on 5 others", flush=True)
    shares = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(pixels))
        train, test = np.sort(order[:15]), np.sort(order[15:])
        image = Image(pixels[train], "ZYX", name="em")
        strokes = np.stack([scribbles(cells[z], seed * 100 + z) for z in train])
        share = float((strokes > 0).mean())
        assert share <= PAINTED
        found = []
        for paint, kind in ((cells[train].astype(np.uint8), "classes"), (strokes, "scribbles")):
            annotation = Annotation(image, paint, kind)
            start = NewModel(base=16, classes=("cell",), seed=seed)
            options = FinetuneOptions(seed=seed, steps=EM_STEPS, minutes=None)
            result = finish(finetune([annotation], start, options))
            labels = finish(segment(Image(pixels[test], "ZYX"), result.model)).labels
            found.append(Confusion.of(labels, cells[test].astype(int), 2))
            print(
                f"  seed {seed}, {kind}: cell IoU {found[-1].iou[1]:.3f}, membrane IoU "
                f"{found[-1].iou[0]:.3f}, {_told(result)}",
                flush=True,
            )
        dense, sparse = found
        shares.append([sparse.iou[1] / dense.iou[1], sparse.iou.mean() / dense.iou.mean()])
        print(
            f"  seed {seed}: scribbles on {share:.2%} of the pixels give {shares[-1][0]:.1%} of the "
            f"cell IoU, {shares[-1][1]:.1%} of the mean IoU",
            flush=True,
        )
    mean, spread = np.mean(shares, axis=0), np.std(shares, axis=0)
    print(
        f"  mean of {seeds}: {mean[0]:.1%} ± {spread[0]:.1%} of the cell IoU, {mean[1]:.1%} ± "
        f"{spread[1]:.1%} of the mean IoU (goal: 95 %)",
        flush=True,
    )


def dic(data: Path, seeds: int) -> None:
    folder = data / "dic-hela"
    stack = tifffile.imread(folder / "stack.tif")
    print(f"\ndic: {len(DIC_TRAIN)} frames from scratch, {DIC_STEPS} steps", flush=True)
    figures: dict[str, list[list[float]]] = {"without a region": [], "with the region": []}
    for seed in range(seeds):
        for title, found in figures.items():
            annotations = [
                Annotation(
                    Image(stack[t], "YX", name=f"frame {t}"),
                    _objects(folder / "objects_incomplete" / f"t{t:03d}.tif"),
                    "objects",
                    tuple(Region.box(box[:2], box[2:]) for box in DIC_CHECKED[t])
                    if title == "with the region"
                    else (),
                )
                for t in DIC_TRAIN
            ]
            options = FinetuneOptions(seed=seed, steps=DIC_STEPS, minutes=None)
            result = finish(finetune(annotations, NewModel(base=16, seed=seed), options))
            found.append(_dic_shares(result.model, stack, folder))
            print(
                f"  seed {seed}, {title}: of the unlabelled cells {found[-1][0]:.0%} of the training "
                f"frames' and {found[-1][1]:.0%} of other frames' become foreground; of labelled ones "
                f"in other frames {found[-1][2]:.0%}, of background {found[-1][3]:.0%}; "
                f"{_told(result)}",
                flush=True,
            )
    for title, found in figures.items():
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
        told = ", ".join(f"{m:.0%} ± {s:.0%}" for m, s in zip(mean, spread, strict=True))
        print(f"  mean of {seeds}, {title}: {told}", flush=True)


def drift(data: Path, seeds: int) -> None:  # noqa: ARG001 - the sample comes with the package
    image = open_image(sample_path())
    parent = finish(Library().load(DEFAULT))
    before = finish(segment(image, parent)).labels > 0
    others = np.arange(len(before)) != DRIFT_PLANE
    print(f"\ndrift: strokes on one plane of {len(before)}, {DRIFT_STEPS} steps", flush=True)
    figures = []
    for seed in range(seeds):
        paint = np.zeros(before.shape, np.uint8)
        paint[DRIFT_PLANE] = scribbles(before[DRIFT_PLANE], seed, borders=False)
        options = FinetuneOptions(seed=seed, steps=DRIFT_STEPS, minutes=None, patch=128, batch=4)
        result = finish(finetune([Annotation(image, paint, "scribbles")], parent, options))
        after = finish(segment(image, result.model)).labels > 0
        old, new = before[others], after[others]
        figures.append([(old & new).sum() / (old | new).sum(), (new & ~old).mean()])
        print(
            f"  seed {seed}: IoU with the parent's nuclei {figures[-1][0]:.3f}, {figures[-1][1]:.2%} of "
            f"the area taken on, {_told(result)}; {result.verdict}",
            flush=True,
        )
    mean, spread = np.mean(figures, axis=0), np.std(figures, axis=0)
    print(
        f"  mean of {seeds}: IoU {mean[0]:.3f} ± {spread[0]:.3f}, {mean[1]:.2%} ± {spread[1]:.2%} of "
        "the area",
        flush=True,
    )


def _dic_shares(model: Model, stack: NDArray[np.uint8], folder: Path) -> list[float]:
    """Share of foreground in unlabelled cells (training, other frames), labelled ones, background."""
    counts: list[list[float]] = [[], [], [], []]
    for t, centres in DIC_UNLABELLED.items():
        found = finish(segment(Image(stack[t], "YX"), model)).labels > 0
        y, x = np.indices(found.shape)
        for cy, cx in centres:
            disc = (y - cy) ** 2 + (x - cx) ** 2 <= DISC**2
            counts[0 if t in DIC_TRAIN else 1].append(float(found[disc].mean()))
        if t not in DIC_TRAIN:
            cells = _objects(folder / "objects_incomplete" / f"t{t:03d}.tif") > 0
            counts[2].append(float(found[cells].mean()))
            counts[3].append(float(found[450:, 300:].mean()))
    return [float(np.mean(each)) for each in counts]


def _open(path: Path) -> Image:
    return Image(tifffile.imread(path), "YX", name=path.stem)


def _objects(path: Path) -> NDArray[np.int32]:
    found: NDArray[np.int32] = tifffile.imread(path).astype(np.int32)
    return found


def _mean_iou(model: Model, folder: Path, names: list[str]) -> float:
    each = []
    for name in names:
        labels = finish(segment(_open(folder / "images" / name), model)).labels
        truth = (_objects(folder / "masks" / name) > 0).astype(int)
        each.append(Confusion.of(labels, truth, 2).foreground_iou)
    return float(np.nanmean(each))


def _told(result: FinetuneResult) -> str:
    status = result.trained.status
    return f"{status.step} steps (best {status.best_step}) in {status.seconds:.0f} s"


if __name__ == "__main__":
    main()
