"""Speed and quality of finding objects in maps, beside scikit-image's usual pipeline.

    python benchmarks/objects.py [--runs 7] [--data ../shared/data]

Masks of real nuclei (BBBC038v1) are tiled to a plane of 2048² and to 64 planes of 512², and made into
maps as a network gives them: blurred, and a little wrong everywhere. Goals: 3 × as fast at no lower
average precision; 150 ms for numbering a plane of 1024² anew.

The pipeline is that of scikit-image's gallery: distances in the foreground, their peaks, a watershed
from these. It is run on the distance transform of the foreground, on the map of distances, and on that
map smoothed, each with the least distance between peaks of 3, 5 and 7 that scores best. Peaks at the
image's edge count, since nuclei lie there too.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.inference.outputs import to_uint8
from napari_unet.core.objects.find import find_objects
from napari_unet.core.sampling.object_targets import object_targets

SIDE, FEWEST = 256, 20
"""Side of a crop, and how many nuclei are in it at least."""
THRESHOLDS = (0.5, 0.8, 0.9)
OURS = "napari_unet"
Find = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=7)
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    chosen = arguments.parse_args()
    crops = _crops(chosen.data / "nuclei-dsb2018" / "masks")
    rng = np.random.default_rng(0)
    for n, side in ((1, 2048), (64, 512)):
        truth = [_tiled(crops, side, rng) for _ in range(n)]
        maps = [_maps(labels, rng) for labels in truth]
        _compare(maps, truth, chosen.runs)
    levels = to_uint8(_maps(_tiled(crops, 1024, rng), rng))
    seconds = [_time(lambda: find_objects(levels)) for _ in range(3 * chosen.runs)]
    print(f"\nnumbering a plane of 1024² anew: {1000 * statistics.median(seconds):.0f} ms")


def _crops(folder: Path) -> list[np.ndarray]:
    """Crops with nuclei enough."""
    masks = [tifffile.imread(path)[:SIDE, :SIDE] for path in sorted(folder.glob("*.tif"))]
    whole = [mask for mask in masks if mask.shape == (SIDE, SIDE)]
    return [mask for mask in whole if len(np.unique(mask)) > FEWEST]


def _tiled(crops: list[np.ndarray], side: int, rng: np.random.Generator) -> np.ndarray:
    labels = np.zeros((side, side), np.int32)
    for y in range(0, side, SIDE):
        for x in range(0, side, SIDE):
            crop = crops[rng.integers(len(crops))].astype(np.int32)
            labels[y : y + SIDE, x : x + SIDE] = np.where(crop > 0, crop + labels.max(), 0)
    return labels


def _maps(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    ideal = object_targets(torch.from_numpy(labels)[None], objects=True).maps[0].numpy()
    noise = ndimage.gaussian_filter(rng.normal(0, 0.3, ideal.shape), (0, 2, 2))
    return np.clip(ndimage.gaussian_filter(ideal, (0, 0.7, 0.7)) + noise, 0, 1).astype(np.float32)


def _peaks(distance: np.ndarray, mask: np.ndarray, apart: int) -> np.ndarray:
    peaks = peak_local_max(distance, min_distance=apart, labels=mask, exclude_border=False)
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, markers, mask=mask)


def _transformed(maps: np.ndarray) -> np.ndarray:
    mask = maps[0] > 0.5
    return _peaks(ndimage.distance_transform_edt(mask), mask, 7)


def _as_they_are(maps: np.ndarray) -> np.ndarray:
    return _peaks(maps[2], maps[0] > 0.5, 5)


def _smoothed(maps: np.ndarray) -> np.ndarray:
    return _peaks(ndimage.gaussian_filter(maps[2], 2), maps[0] > 0.5, 3)


CONTENDERS: dict[str, Find] = {
    OURS: find_objects,
    "scikit-image, distance transform": _transformed,
    "scikit-image, the same maps": _as_they_are,
    "scikit-image, the same maps smoothed": _smoothed,
}


def _compare(maps: list[np.ndarray], truth: list[np.ndarray], runs: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    for turn in range(runs):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name].append(_time(lambda find=CONTENDERS[name]: [find(each) for each in maps]))
    n = sum(len(np.unique(labels)) - 1 for labels in truth)
    title = f"{len(maps)} plane(s) of {truth[0].shape[0]}², {n} nuclei"
    heads = "".join(f"  AP {threshold}" for threshold in THRESHOLDS)
    print(f"\n{title:37s}   median   ratio{heads}")
    base = statistics.median(times[OURS])
    for name, find in CONTENDERS.items():
        seconds = statistics.median(times[name])
        scores = ObjectScores.zero(THRESHOLDS)
        for each, labels in zip(maps, truth, strict=True):
            scores += ObjectScores.of(Overlaps.of(find(each), labels), THRESHOLDS)
        figures = "".join(f"  {ap:6.3f}" for ap in scores.pooled.ap[0])
        print(f"{name:37s} {1000 * seconds:5.0f} ms {seconds / base:5.1f} ×{figures}")
    _where_time_goes(maps)


def _where_time_goes(maps: list[np.ndarray]) -> None:
    with cProfile.Profile() as profile:
        for each in maps:
            find_objects(each)
    stats = pstats.Stats(profile).get_stats_profile()
    shown = ("to_uint8", "_components", "divide", "watershed", "_filled", "_renumbered")
    found = ((name, stats.func_profiles.get(name)) for name in shown)
    spent = ", ".join(f"{name} {each.cumtime / stats.total_tt:.0%}" for name, each in found if each)
    print(f"of which, what one calls included: {spent}")


def _time(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
