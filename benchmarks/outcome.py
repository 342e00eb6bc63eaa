"""What is told of results that can hardly be right, and whether the others are left alone.

    python benchmarks/outcome.py [--data ../shared/data] [--networks NAME ...]

Each bundled network sees one image of each set (the middle of it, 512², of a stack the middle plane). A
row is a network and an image: what kind it is, IoU of the foreground with the given labels where there
are any, how much was found, and what is told of it. Two images are noise, and one is inverted.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from suggestion import SETS

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.services.files.images import open_image
from napari_unet.services.library import Library
from napari_unet.services.segmentation.segment import segment

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDE = 512
NETWORKS = "nuclei-fluorescence", "cells-phase", "nuclei-histology", "axons-em", "nuclei-broad"
LABELS = "objects", "masks"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    given = parser.parse_args()
    models = {name: finish(Library().load(name)) for name in given.networks}
    for what, image, truth in images(given.data):
        for name, model in models.items():
            try:
                result = finish(segment(image, model))
            except UserError:
                # a network for colours
                continue
            told = result.record["outcome"] or "–"
            print(f"{name:20} {what:42} {facts(result.labels, truth)}  {told}", flush=True)


def facts(labels: Any, truth: Any) -> str:
    """Return IoU and foreground, as columns."""
    found = labels > 0
    iou = " " * 4
    if truth is not None:
        both, either = (found & truth).sum(), (found | truth).sum()
        iou = f"{both / max(either, 1):4.2f}"
    return f"{iou} {found.mean():4.0%}"


def images(data: Path) -> Iterator[tuple[str, Image, Any]]:
    """Yield images with what they are, and where their objects are if that is known."""
    for place, kind in SETS.items():
        path = data / place
        path = sorted(path.iterdir())[-1] if path.is_dir() else path
        image = middle(open_image(path))
        labels = [path.parents[1] / name / path.name for name in LABELS]
        true = next((middle(open_image(p)).data > 0 for p in labels if p.exists()), None)
        yield f"{kind[:14]:14} {place[:27]}", image, true
    bright = middle(open_image(sorted((data / "more/nuclei-bbbc039/images").iterdir())[-1]))
    yield "bright field   nuclei-bbbc039, inverted", replace(bright, data=~bright.data), None
    rng = np.random.default_rng(0)
    yield "noise          normal", Image(rng.normal(100, 10, (SIDE, SIDE)), "YX"), None
    yield "noise          photons", Image(rng.poisson(20, (SIDE, SIDE)), "YX"), None


def middle(image: Image) -> Image:
    """Return the middle of an image, one plane of it."""
    index: list[slice | int] = []
    for axis, n in zip(image.axes, image.data.shape, strict=True):
        start = max(n - SIDE, 0) // 2
        index.append(
            slice(start, start + SIDE)
            if axis in "YX"
            else n // 2
            if axis in "TZ"
            else slice(None)
            if axis == "S"
            else 0
        )
    axes = "".join(a for a in image.axes if a in "YXS")
    return replace(image, data=np.asarray(image.data[tuple(index)]), axes=axes)


if __name__ == "__main__":
    main()
