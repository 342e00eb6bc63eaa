"""Choose the nuclei that networks for them rehearse while they are tuned.

    python training/rehearsal_nuclei.py [--data ../shared/data] [-o FILE]

Windows of images that `nuclei-fluorescence` was trained on, so that none of those set aside is among
them: as different as possible in the size, number, brightness and contrast of the nuclei.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastremap
import nuclei_2d
import numpy as np
import tifffile
from scipy.cluster.vq import kmeans2, whiten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIDE, WINDOWS = 128, 16
FEWEST = 3
"""Nuclei in a window."""


def main() -> None:
    """Write the file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("-o", "--output", type=Path, required=True)
    chosen = arguments.parse_args()
    windows = list(candidates(chosen.data / "nuclei-dsb2018"))
    features = whiten(np.array([describe(*window) for window in windows]))
    centres, group = kmeans2(features, WINDOWS, minit="++", seed=0)
    distance = np.linalg.norm(features - centres[group], axis=1)
    best = [
        min(np.flatnonzero(group == number), key=distance.__getitem__)
        for number in np.unique(group)
    ]
    pixels, objects = (np.stack(each) for each in zip(*(windows[i] for i in best), strict=True))
    np.savez_compressed(chosen.output, pixels=pixels, objects=objects)


def candidates(folder: Path) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield the window with the most nuclei of each image that was trained with."""
    for name in nuclei_2d.split(folder)[0]:
        pixels = tifffile.imread(folder / "images" / name)
        objects = tifffile.imread(folder / "masks" / name)
        starts = [range(0, n - SIDE + 1, SIDE // 2) for n in pixels.shape]
        parts = [(slice(y, y + SIDE), slice(x, x + SIDE)) for y in starts[0] for x in starts[1]]
        found = [len(np.unique(objects[part])) - 1 for part in parts]
        best = parts[int(np.argmax(found))]
        if max(found) >= FEWEST:
            numbered, _ = fastremap.renumber(objects[best], in_place=False)
            yield pixels[best], numbered.astype(np.uint8)


def describe(pixels: NDArray[Any], objects: NDArray[Any]) -> list[float]:
    """Return what makes windows different."""
    sizes = np.bincount(objects.ravel())[1:]
    inside, outside = pixels[objects > 0].mean(), pixels[objects == 0].mean()
    return [
        np.log(np.median(sizes[sizes > 0])),
        np.log(len(sizes)),
        np.log1p(outside),
        np.log1p(inside) - np.log1p(outside),
        pixels[objects > 0].std() / (inside + 1),
    ]


if __name__ == "__main__":
    main()
