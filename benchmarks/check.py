"""Whether `napari-unet check` names planted faults, and is silent on labels without any.

    python benchmarks/check.py [--data ../shared/data] [--times 10] [--model nuclei-fluorescence]

Fields of nuclei (BBBC038v1, 491 with labels by hand). Each kind of fault is planted into one image of
twenty, as often as `--times` says, with a seed of its own; it is named if a finding of that kind
concerns that image. Findings on the other nineteen, and on all 491 as they are, are false alarms.
Objects that are missing, and two under one number, are found with a network.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from napari_unet.core.progress import finish
from napari_unet.services.checking.check import check_files
from napari_unet.services.files.pairs import pair_files
from napari_unet.services.library import Library

Planes = list[list[np.ndarray]]
"""Image and labels of each pair; a fault changes some of them in place."""
SET, SIDE = 20, 256


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--times", type=int, default=10)
    arguments.add_argument("--model", default="nuclei-fluorescence")
    arguments.add_argument("--clean-with-model", action="store_true", help="takes long")
    chosen = arguments.parse_args()
    folder = chosen.data / "nuclei-dsb2018"
    images = sorted((folder / "images").glob("*.tif"))
    model = finish(Library().load(chosen.model))
    _report_clean(images, folder / "masks", model if chosen.clean_with_model else None)
    fields = _fields(images, folder / "masks")
    named = alarms = 0
    for kind, (plant, expected) in FAULTS.items():
        network = model if kind in WITH_MODEL else None
        some = _of_one_scale(fields) if plant is _other_scale else fields
        hits = [_plant(some, plant, expected, i, network) for i in range(chosen.times)]
        named += sum(hit for hit, _ in hits)
        alarms += sum(others for _, others in hits)
        print(f"{kind:38s} {sum(hit for hit, _ in hits):3d} of {len(hits)}", flush=True)
    print(
        f"named: {named} of {chosen.times * len(FAULTS)}; on other images of these sets: {alarms}"
    )


def _report_clean(images: list[Path], masks: Path, model: object) -> None:
    pairs = pair_files(images, [masks / path.name for path in images])
    start = time.process_time()
    few = pair_files(images[:50], [masks / path.name for path in images[:50]])
    finish(check_files(few, "objects"))
    print(f"50 images: {time.process_time() - start:.2f} s of processor time")
    found = finish(check_files(pairs, "objects", model))
    print(f"{len(images)} images as they are: {len(found)} findings", flush=True)
    for finding in found:
        print(f"  {finding.fault}: {finding}")


def _fields(images: list[Path], masks: Path) -> Planes:
    """Return fields of one size with enough nuclei."""
    fields = []
    for path in images:
        image, labels = tifffile.imread(path), tifffile.imread(masks / path.name)
        n = len(np.unique(labels)) - 1
        if image.shape == (SIDE, SIDE) and n >= 10:
            fields.append([image, labels])
    return fields


def _plant(
    fields: Planes, plant: Callable, expected: set[str], seed: int, model: object
) -> tuple[bool, int]:
    """Plant a fault, and return whether it was named, and how many findings there were elsewhere."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(fields), SET if model is None else 3, replace=False)
    planes = [[image.copy(), labels.copy()] for image, labels in (fields[i] for i in chosen)]
    touched = plant(planes, rng)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("images", "labels"):
            (root / folder).mkdir()
        for i, (image, labels) in enumerate(planes):
            tifffile.imwrite(root / "images" / f"f{i:02}.tif", image, photometric="minisblack")
            colour = "rgb" if labels.ndim == 3 else "minisblack"
            tifffile.imwrite(root / "labels" / f"f{i:02}.tif", labels, photometric=colour)
        both = [sorted((root / folder).glob("*.tif")) for folder in ("images", "labels")]
        found = finish(check_files(pair_files(*both), "objects", model))
    hit = any(each.pair in touched and each.fault in expected for each in found)
    return hit, sum(each.pair not in touched for each in found)


def _change(of_labels: Callable) -> Callable:
    """Return a fault that changes the labels of the first image."""

    def plant(planes: Planes, rng: np.random.Generator) -> set[int]:
        planes[0][1] = of_labels(planes[0][1], rng)
        return {0}

    return plant


def _shifted(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y, x = rng.integers(10, 40, 2) * rng.choice([-1, 1], 2)
    out = np.zeros_like(labels)
    inside = [slice(max(0, d), SIDE + min(0, d)) for d in (y, x)]
    source = [slice(max(0, -d), SIDE - max(0, d)) for d in (y, x)]
    out[tuple(inside)] = labels[tuple(source)]
    return out


def _exchanged(planes: Planes, rng: np.random.Generator) -> set[int]:
    planes[0][1], planes[1][1] = planes[1][1], planes[0][1]
    return {0, 1}


def _off_by_one(planes: Planes, rng: np.random.Generator) -> set[int]:
    masks = [labels for _, labels in planes]
    for pair, labels in zip(planes, masks[1:] + masks[:1], strict=True):
        pair[1] = labels
    return set(range(len(planes)))


def _twice(planes: Planes, rng: np.random.Generator) -> set[int]:
    planes[1] = [plane.copy() for plane in planes[0]]
    return {0, 1}


def _twice_brighter(planes: Planes, rng: np.random.Generator) -> set[int]:
    image, labels = planes[0]
    planes[1] = [np.rint(image * 1.7 + 20).astype(np.uint16), labels.copy()]
    return {0, 1}


def _large(labels: np.ndarray) -> np.ndarray:
    """Return the numbers of objects of typical size or more."""
    values, sizes = np.unique(labels[labels > 0], return_counts=True)
    return values[sizes >= np.median(sizes)]


def _two_places(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    large = _large(labels)
    order = rng.permutation(large)
    for other in order[1:]:
        both = labels == order[0], labels == other
        if not (_grown(both[0]) & both[1]).any():
            labels[both[1]] = order[0]
            return labels
    raise RuntimeError("no two objects apart")


def _grown(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return np.logical_or.reduce([np.roll(padded, s, (0, 1))[1:-1, 1:-1] for s in shifts])


def _several(planes: Planes, rng: np.random.Generator) -> set[int]:
    """Give two objects that touch one number."""
    for i, (_, labels) in enumerate(planes):
        large = set(_large(labels).tolist())
        for first in rng.permutation(sorted(large)):
            others = labels[_grown(labels == first) & (labels > 0) & (labels != first)]
            touching = [v for v in np.unique(others).tolist() if v in large]
            if touching:
                labels[labels == touching[0]] = first
                return {i}
    # none touch: two close ones are joined
    labels = planes[0][1]
    first, second = rng.choice(_large(labels), 2, replace=False)
    middles = [np.argwhere(labels == v).mean(axis=0) for v in (first, second)]
    for t in np.linspace(0, 1, 2 * SIDE):
        y, x = np.rint(middles[0] * (1 - t) + middles[1] * t).astype(int)
        if labels[y, x] == 0:
            labels[y, x] = first
    labels[labels == second] = first
    return {0}


def _slivers(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    top = labels.max()
    free = np.argwhere(~_grown(_grown(labels > 0)))
    for n, (y, x) in enumerate(rng.permutation(free)[:3], 1):
        labels[y : y + 1, x : x + 3] = top + n
    return labels


def _missing(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    large = _large(labels)
    gone = rng.choice(large, max(3, len(large) // 2), replace=False)
    labels[np.isin(labels, gone)] = 0
    return labels


def _zoomed(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return labels[: SIDE // 2, : SIDE // 2].repeat(2, axis=0).repeat(2, axis=1)


def _other_scale(planes: Planes, rng: np.random.Generator) -> set[int]:
    corners = [(y, x) for y in range(0, 193, 32) for x in range(0, 193, 32)]
    y, x = max(corners, key=lambda at: (planes[0][1][at[0] :, at[1] :][:64, :64] > 0).sum())
    part = slice(y, y + 64), slice(x, x + 64)
    planes[0] = [plane[part].repeat(4, axis=0).repeat(4, axis=1) for plane in planes[0]]
    return {0}


def _of_one_scale(fields: Planes) -> Planes:
    """Return fields as those of one experiment, in which nuclei are about as large."""
    typical = [np.median(np.unique(p[1][p[1] > 0], return_counts=True)[1]) for p in fields]
    ratio = np.log(typical / np.median(typical))
    return [pair for pair, r in zip(fields, ratio, strict=True) if abs(r) < 0.4]


def _minus_one(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    signed = labels.astype(np.int32)
    signed[:, :6] = -1
    return signed.astype(np.uint16)


def _as_own_labels(planes: Planes, rng: np.random.Generator) -> set[int]:
    planes[0][1] = planes[0][0].copy()
    return {0}


def _constant(planes: Planes, rng: np.random.Generator) -> set[int]:
    planes[0][0][:] = 7
    return {0}


def _background_numbered(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (labels + 1).astype(np.uint16)


TURNED = {"turned", "shifted"}
FAULTS: dict[str, tuple[Callable, set[str]]] = {
    "labels shifted": (_change(_shifted), {"shifted"}),
    "labels flipped top to bottom": (_change(lambda x, _: x[::-1]), TURNED),
    "labels flipped left to right": (_change(lambda x, _: x[:, ::-1]), TURNED),
    "labels turned by 180°": (_change(lambda x, _: x[::-1, ::-1]), TURNED),
    "labels transposed": (_change(lambda x, _: x.T), TURNED),
    "labels turned by 90°": (_change(lambda x, _: np.rot90(x)), TURNED),
    "labels of two images exchanged": (_exchanged, {"swapped"}),
    "labels of all images off by one": (_off_by_one, {"swapped"}),
    "an image twice": (_twice, {"duplicate"}),
    "an image twice, once brighter": (_twice_brighter, {"duplicate"}),
    "one number in two places": (_change(_two_places), {"two places"}),
    "two objects under one number": (_several, {"several objects", "two places"}),
    "slivers": (_change(_slivers), {"sliver"}),
    "missing objects": (_change(_missing), {"missing objects"}),
    "labels of twice the scale": (_change(_zoomed), {"scaled", "shifted", "turned"}),
    "an image of another scale": (_other_scale, {"other scale"}),
    "probabilities as labels": (
        _change(lambda x, _: (x / 300.0).astype(np.float32)),
        {"unreadable"},
    ),
    "a coloured picture as labels": (
        _change(
            lambda x, _: np.stack([x * 7 % 256, x * 13 % 256, x * 29 % 256], -1).astype(np.uint8)
        ),
        {"unreadable"},
    ),
    "labels of another shape": (_change(lambda x, _: x[:-3]), {"unreadable"}),
    "no label at all": (_change(lambda x, _: x * 0), {"empty", "meaning"}),
    "the image as its labels": (_as_own_labels, {"image as labels", "sliver"}),
    "a mask as objects": (_change(lambda x, _: (x > 0).astype(np.uint8) * 255), {"meaning"}),
    "−1 without its sign": (_change(_minus_one), {"meaning"}),
    "the background as an object": (_change(_background_numbered), {"inverted"}),
    "an image of one value": (_constant, {"constant image"}),
}
"""How each fault is planted, and what it may be called."""
WITH_MODEL = {"two objects under one number", "missing objects"}


if __name__ == "__main__":
    main()
