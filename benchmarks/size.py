"""Whether the automatic diameter finds the scale at which a network is best, and what that costs.

    python benchmarks/size.py [--data ../shared/data] [--minutes 20] [--seed 1] [--output size.jsonl]

Images of nuclei (BBBC038v1 and those of other laboratories in more/nuclei-*) are zoomed by 0.25 to 4,
in a random order, until the time is up; a run goes on where its output ends. Each is segmented with the
automatic diameter, and at scales from that at which the true nuclei are 6 pixels wide for the network to
that of 64, in steps of the root of two. AP is average precision at IoU 0.5. "Right" is the scale that
the same rule gives for the true diameter. Images that the estimate was developed with are left out.

An image of ten nuclei has an AP in steps of a tenth, and the best of eight scales is the luckiest one:
"smooth" is the best mean of three neighbouring scales, and a column says how many images are within one
nucleus of the best. Zoomed images are cut to 1024 pixels. True nuclei of fewer than 10 pixels, which are
never looked for, count as unknown; where most are so small, the image is left out. Times are those of
the processor, with one thread: of the automatic run, to that of a run with the diameter given.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.image.axes import Image
from napari_unet.core.image.resample import Resampled
from napari_unet.core.image.scale import diameter_factors
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model
from napari_unet.core.objects.diameters import diameters, typical
from napari_unet.core.objects.find import DEFAULT_MIN_PIXELS
from napari_unet.core.progress import finish
from napari_unet.services.library import bundled_folder
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import nuclei_2d

ZOOMS = (0.25, 0.5, 1.0, 2.0, 4.0)
SIDE = 1024
SEEN = (6.0, 64.0)
"""Diameters that the network is shown, in pixels."""
NEAR = 0.03
OTHERS = ("nuclei-bbbc039", "nuclei-coelho2009", "nuclei-deepcell")
DEVELOPMENT = {"ic100-dna-0.tif", "ic100-dna-31.tif", "B04_s4.tif", "set2.tif", "set5.tif"}
FLOAT: dict[str, Any] = {"device": "cpu", "precision": "float32"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--output", type=Path, default=Path("size.jsonl"))
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    model = load_model(bundled_folder() / "nuclei-fluorescence.safetensors")
    lines = chosen.output.read_text().splitlines() if chosen.output.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["image"], row["zoom"]) for row in rows}
    until = time.process_time() + 60 * chosen.minutes
    for path, truth, zoom in _work(chosen.data, chosen.seed):
        if time.process_time() > until:
            break
        if (path.name, zoom) in done:
            continue
        zoomed = _zoomed(path, truth, zoom)
        if zoomed is not None:
            row = _measured(model, *zoomed)
            rows.append({"image": path.name, "set": path.parent.parent.name, "zoom": zoom, **row})
            with chosen.output.open("a") as stream:
                stream.write(json.dumps(rows[-1]) + "\n")
    _tell(rows)


def _work(data: Path, seed: int) -> list[tuple[Path, Path, float]]:
    """All images and zooms in a random order, without those of the development."""
    folder = data / "nuclei-dsb2018"
    learnt, aside = nuclei_2d.split(folder)
    left_out = DEVELOPMENT | set(random.Random("size-development").sample(learnt, 12))
    pairs = [(folder / "images" / name, folder / "masks" / name) for name in (*learnt, *aside)]
    for name in OTHERS:
        images = sorted((data / "more" / name / "images").glob("*.tif"))
        pairs += [(path, path.parent.parent / "objects" / path.name) for path in images]
    work = [(*pair, zoom) for pair in pairs if pair[0].name not in left_out for zoom in ZOOMS]
    random.Random(seed).shuffle(work)
    return work


def _zoomed(image: Path, truth: Path, zoom: float) -> tuple[NDArray[Any], NDArray[np.int32]] | None:
    """Return a zoomed image and its nuclei; None if most of these are too small to be looked for."""
    pixels, labels = tifffile.imread(image), tifffile.imread(truth).astype(np.int32)
    middle = tuple(_middle(n, SIDE / zoom) for n in pixels.shape)
    pixels, labels = pixels[middle], labels[middle]
    if zoom != 1:
        shape = tuple(round(n * zoom) for n in pixels.shape)
        places = ((np.arange(n) + 0.5) * m / n for n, m in zip(shape, labels.shape, strict=True))
        nearest = np.ix_(*(place.astype(int) for place in places))
        pixels, labels = (
            Resampled(pixels, shape)[tuple(slice(0, n) for n in shape)],
            labels[nearest],
        )
    sizes = np.bincount(labels.ravel())[1:]
    small = np.flatnonzero((sizes > 0) & (sizes < DEFAULT_MIN_PIXELS)) + 1
    if 2 * len(small) >= np.count_nonzero(sizes):
        return None
    return pixels, np.where(np.isin(labels, small), -1, labels)


def _middle(n: int, most: float) -> slice:
    side = min(n, int(most))
    return slice((n - side) // 2, (n - side) // 2 + side)


def _measured(model: Model, pixels: NDArray[Any], truth: NDArray[np.int32]) -> dict[str, Any]:
    true, learnt, image = typical(diameters(truth)), model.spec.diameter, Image(pixels, "YX")
    assert learnt is not None
    began = time.process_time()
    result = finish(segment(image, model, SegmentOptions(**FLOAT)))
    between = time.process_time()
    found = result.record["diameter"]["pixels"]
    options = SegmentOptions(**FLOAT, diameter=found, rescale=found is not None)
    finish(segment(image, model, options))
    end = time.process_time()
    steps = np.arange(np.ceil(2 * np.log2(SEEN[0] / true)), 2 * np.log2(SEEN[1] / true))
    scales = [float(s) for s in 2 ** (steps / 2) if 0.1 <= s <= 10]
    at = [_ap(_at(scale, image, model), truth) for scale in scales]
    (right, _) = diameter_factors(image, "YX", true, learnt)
    nearest = int(np.argmin([abs(np.log(scale / right)) for scale in scales]))
    return {
        "nuclei": len(np.unique(truth[truth > 0])),
        "true": true,
        "found": found,
        "automatic": _ap(result.labels, truth),
        "best": max(at),
        "smooth": float(np.convolve(at, np.ones(3) / 3, "valid").max()) if len(at) > 2 else max(at),
        "right": at[nearest],
        "as it is": at[scales.index(1.0)] if 1.0 in scales else float("nan"),
        "time": between - began,
        "time given": end - between,
        "scales": dict(zip(scales, at, strict=True)),
    }


def _at(scale: float, image: Image, model: Model) -> NDArray[Any]:
    """Segment at a scale, whatever the diameter."""
    spec = model.spec.model_copy(update={"diameter": None, "pixel_size": (1.0, 1.0)})
    options = SegmentOptions(**FLOAT, pixel_size=scale)
    return np.asarray(finish(segment(image, replace(model, spec=spec), options)).labels)


def _ap(labels: NDArray[Any], truth: NDArray[np.int32]) -> float:
    scores = ObjectScores.of(Overlaps.of(labels.astype(np.int64), truth))
    return float(np.nan_to_num(scores.ap[0, 0]))


def _tell(rows: list[dict[str, Any]]) -> None:
    print(
        "            ---------------- mean AP ----------------  within .03 of   or 1 nucleus  time"
    )
    print("zoom images   best  smooth  right  automatic  as it is   best  smooth  right   of best")
    for zoom in (*ZOOMS, None):
        some = [row for row in rows if zoom in (None, row["zoom"])]
        if not some:
            continue
        skipped = ("set", "image", "scales", "found")
        column = {
            key: np.array([row[key] for row in some]) for key in some[0] if key not in skipped
        }
        lost = {key: column[key] - column["automatic"] for key in ("best", "smooth", "right")}
        near = [f"{(each <= NEAR).mean():6.0%}" for each in lost.values()]
        one = (lost["best"] <= np.maximum(NEAR, 1 / column["nuclei"] + 1e-9)).mean()
        print(
            f"{zoom or 'all':>4} {len(some):6d}  {column['best'].mean():5.3f}"
            f"  {column['smooth'].mean():6.3f}  {column['right'].mean():5.3f}"
            f"  {column['automatic'].mean():9.3f}"
            f"  {np.nanmean(column['as it is']):8.3f} {' '.join(near)}  {one:8.0%}"
            f"  {column['time'].sum() / column['time given'].sum():4.2f} ×"
        )
    found = np.array([row["found"] or np.nan for row in rows]) / [row["true"] for row in rows]
    off = np.abs(np.log2(found))
    print(
        f"diameter found in {np.isfinite(found).mean():.0%}; within a quarter of the true one in "
        f"{(off <= np.log2(1.25)).mean():.0%}, within a factor of two in {(off <= 1).mean():.0%}"
    )
    _tell_limit(rows)


def _tell_limit(rows: list[dict[str, Any]]) -> None:
    """Print how good each rule would be that shows true diameters at one size.

    No estimate can do better than the best of them but by luck.
    """
    print("true nuclei shown at   mean AP   within .03 of the best scale   or 1 nucleus")
    shown = sorted({_step(row, scale) for row in rows for scale in row["scales"]})
    for step in shown:
        at = [(r, ap) for r in rows for s, ap in r["scales"].items() if _step(r, s) == step]
        if len(at) < len(rows) / 2:
            continue
        lost = np.array([row["best"] - ap for row, ap in at])
        one = np.array([max(NEAR, 1 / row["nuclei"] + 1e-9) for row, _ in at])
        print(
            f"{2 ** (step / 2):14.1f} pixels   {np.mean([ap for _, ap in at]):7.3f}"
            f"   {(lost <= NEAR).mean():28.0%}   {(lost <= one).mean():12.0%}"
        )


def _step(row: dict[str, Any], scale: float | str) -> int:
    """Return the diameter that the network is shown, in half octaves."""
    return round(2 * np.log2(row["true"] * float(scale)))


if __name__ == "__main__":
    main()
