"""One click, one object: how many objects that a network gets wrong a click and the wheel mend.

    python benchmarks/candidates.py [--data ../shared/data]

Nuclei that were set aside before the bundled network was trained, and on which nothing here was tuned.
An object is wrong if none that was found has an IoU of 0.5 with it; it is clicked where it is thickest,
and mended if a candidate within so many steps of the wheel has an IoU of 0.5 (and 0.7) with it. Times
are of one thread, for the click, in planes of 1024² with the image in their middle.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.core.objects.candidates import object_candidates
from napari_unet.core.objects.diameters import diameters, typical
from napari_unet.core.progress import finish
from napari_unet.services.library import DEFAULT, Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

import nuclei_2d

STEPS = 4
LEVELS = (0.5, 0.7)
PLANE = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    folder = parser.parse_args().data / "nuclei-dsb2018"
    mended, seconds, counts = {level: np.zeros(STEPS + 1) for level in LEVELS}, [], []
    for pixels, maps, labels, truth, diameter in results(folder):
        for click, mask in wrong(labels, truth):
            began = time.perf_counter()
            found, first = object_candidates(pixels, maps, labels, click, diameter)
            seconds.append(time.perf_counter() - began)
            counts.append(len(found))
            scores = [iou(each.pixels, mask) for each in found]
            for level in LEVELS:
                for step in range(STEPS + 1):
                    reached = scores[max(first - step, 0) : first + step + 1]
                    mended[level][step] += any(score >= level for score in reached)
    n = len(seconds)
    print(f"{n} objects that the network gets wrong; {np.mean(counts):.1f} candidates for each")
    for level in LEVELS:
        shares = "  ".join(f"{step}: {mended[level][step] / n:.1%}" for step in range(STEPS + 1))
        print(f"IoU {level}, within so many steps of the wheel   {shares}")
    print(
        f"click: {1000 * np.median(seconds):.0f} ms, 95 % below {1000 * np.quantile(seconds, 0.95):.0f}"
    )


def results(folder: Path) -> Iterator[tuple[NDArray, NDArray, NDArray, NDArray, float]]:
    """Yield image, outputs, labels, true labels and diameter of the images set aside."""
    model = finish(Library().load(DEFAULT))
    for name in nuclei_2d.split(folder)[1]:
        annotation = nuclei_2d.annotation(folder, name)
        options = SegmentOptions(probabilities=True, rescale=False)
        result = finish(segment(annotation.image, model, options))
        maps = (255 * np.asarray(result.probabilities)).round().astype(np.uint8)
        labels = np.asarray(result.labels).astype(np.int64)
        diameter = typical(diameters(labels)) or model.spec.diameter or 20.0
        whole = [np.asarray(annotation.image.data), maps, labels, np.asarray(annotation.paint)]
        yield (*(_in_plane(each) for each in whole), diameter)


def _in_plane(values: NDArray) -> NDArray:
    sizes = values.shape[-2:]
    before = [max(PLANE - n, 0) // 2 for n in sizes]
    after = [max(PLANE - n - b, 0) for n, b in zip(sizes, before, strict=True)]
    pads = [(0, 0)] * (values.ndim - 2) + list(zip(before, after, strict=True))
    return np.pad(values, pads)


def wrong(labels: NDArray, truth: NDArray) -> Iterator[tuple[tuple[int, int], NDArray]]:
    """Yield where each object that was not found is thickest, and its mask."""
    for number, box in enumerate(ndimage.find_objects(truth.astype(np.int64)), 1):
        if box is None:
            continue
        mask = truth[box] == number
        meeting = np.bincount(labels[box][mask])
        meeting[0] = 0
        best = int(meeting.argmax())
        union = mask.sum() + np.count_nonzero(labels == best) - meeting[best]
        if meeting[best] and meeting[best] / union >= LEVELS[0]:
            continue
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        inside = np.unravel_index(depth.argmax(), mask.shape)
        whole = np.zeros(truth.shape, bool)
        whole[box] = mask
        yield (int(inside[0]) + box[0].start, int(inside[1]) + box[1].start), whole


def iou(pixels: NDArray, mask: NDArray) -> float:
    """Return the IoU of pixels, (n, 2), and a mask."""
    both = np.count_nonzero(mask[tuple(pixels.T)])
    return float(both / (len(pixels) + np.count_nonzero(mask) - both))


if __name__ == "__main__":
    main()
