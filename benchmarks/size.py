"""Whether the automatic diameter finds the scale at which a network is best, and what that costs.

    python benchmarks/size.py [--data ../shared/data] [--minutes 20] [--seed 1] [--output size.jsonl]

Images of nuclei (BBBC038v1 and those of other laboratories in more/nuclei-*) are zoomed by 0.25 to 4,
in a random order, until the time is up; a run goes on where its output ends. Each is segmented with the
automatic diameter, and at scales from that at which the true nuclei are 6 pixels wide for the network to
that of 90, in steps of the root of two. AP is average precision at IoU 0.5. "Right" is the scale that
the same rule gives for the true diameter. Images that the estimate was developed with are left out.

An image of ten nuclei has an AP in steps of a tenth, and the best of nine scales is the luckiest one: so
the table also says how many are within one nucleus of the best. Zoomed images are cut to 1024 pixels;
true nuclei of fewer than 10 pixels, which are never looked for, count as unknown. Times are those of the
processor, with one thread: that of the first pass, and of the run at the scale it finds.
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
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment, segment_prepared

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import nuclei_2d

ZOOMS = (0.25, 0.5, 1.0, 2.0, 4.0)
SIDE = 1024
SEEN = (6.0, 90.0)
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
        row = _measured(model, *_zoomed(path, truth, zoom))
        if row is not None:
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


def _zoomed(image: Path, truth: Path, zoom: float) -> tuple[NDArray[Any], NDArray[np.int32]]:
    pixels, labels = tifffile.imread(image), tifffile.imread(truth).astype(np.int32)
    middle = tuple(_middle(n, SIDE / zoom) for n in pixels.shape)
    pixels, labels = pixels[middle], labels[middle]
    if zoom == 1:
        return pixels, labels
    shape = tuple(round(n * zoom) for n in pixels.shape)
    nearest = np.ix_(*((np.arange(n) / zoom + 0.5 / zoom).astype(int) for n in shape))
    small = np.flatnonzero(np.bincount(labels[nearest].ravel()) < DEFAULT_MIN_PIXELS)
    labels = np.where(np.isin(labels[nearest], small), -1, labels[nearest])
    return Resampled(pixels, shape)[tuple(slice(0, n) for n in shape)], labels


def _middle(n: int, most: float) -> slice:
    side = min(n, int(most))
    return slice((n - side) // 2, (n - side) // 2 + side)


def _measured(
    model: Model, pixels: NDArray[Any], truth: NDArray[np.int32]
) -> dict[str, Any] | None:
    values = diameters(truth)
    if not len(values):
        return None
    true, learnt, image = typical(values), model.spec.diameter, Image(pixels, "YX")
    assert learnt is not None
    began = time.process_time()
    run = finish(prepare(image, model, SegmentOptions(**FLOAT)).sized())
    between = time.process_time()
    result = finish(segment_prepared(run))
    end = time.process_time()
    steps = np.arange(np.ceil(2 * np.log2(SEEN[0] / true)), 2 * np.log2(SEEN[1] / true))
    scales = [float(s) for s in 2 ** (steps / 2) if 0.1 <= s <= 10]
    at = {scale: _ap(_at(scale, image, model), truth) for scale in scales}
    (right, _) = diameter_factors(image, "YX", true, learnt)
    nearest = min(scales, key=lambda scale: abs(np.log(scale / right)))
    return {
        "nuclei": len(np.unique(truth[truth > 0])),
        "true": true,
        "found": run.size.diameter,
        "notes": len(run.size.notes),
        "automatic": _ap(result.labels, truth),
        "best": max(at.values()),
        "right": at[nearest],
        "as it is": at.get(1.0, float("nan")),
        "at": at,
        "first pass": between - began,
        "run": end - between,
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
        "zoom  images  AP: best scale  right  automatic  as it is   within .03  or 1 nucleus   time"
    )
    for zoom in (*ZOOMS, None):
        some = [row for row in rows if zoom in (None, row["zoom"])]
        if not some:
            continue
        column = {
            key: np.array([row[key] for row in some], float)
            for key in some[0]
            if key != "set" and key != "image"
        }
        lost = column["best"] - column["automatic"]
        near = lost <= NEAR
        one = near | (lost <= 1 / column["nuclei"] + 1e-9)
        times = 1 + column["first pass"].sum() / column["run"].sum()
        print(
            f"{zoom or 'all':>4}  {len(some):6d}  {column['best'].mean():14.3f}"
            f"  {column['right'].mean():5.3f}  {column['automatic'].mean():9.3f}"
            f"  {np.nanmean(column['as it is']):8.3f}  {near.mean():10.0%}  {one.mean():12.0%}"
            f"  {times:4.2f} ×"
        )
    found = np.array([row["found"] or np.nan for row in rows]) / [row["true"] for row in rows]
    off = np.abs(np.log2(found))
    print(
        f"diameter found in {np.isfinite(found).mean():.0%}; within a quarter of the true one in "
        f"{np.nanmean(off <= np.log2(1.25)):.0%}, within a factor of two in {np.nanmean(off <= 1):.0%}"
    )


if __name__ == "__main__":
    main()
