"""Five data sets on which tuning must never harm: images to tune on, and others to judge by.

Images fall into two halves by a seeded shuffle. Recipes are chosen on the half for development, and
judged on the other. Large images are cut into windows; what comes from one image is either learnt from
or judged by.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from skimage.util import view_as_blocks

from napari_unet.core.annotations.annotation import Annotation, Kind
from napari_unet.core.image.axes import Image
from parts.scribbles import scribbles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

import nuclei_2d

HALVES = ("development", "judging")
FEWEST = 4
"""Objects in a window that is tuned on: with fewer there is nothing to hold out."""
MOST_JUDGED = 12
"""Windows that a network is judged by."""
STROKES = 11
"""Strokes a class and window."""


@dataclass(frozen=True)
class Window:
    """A window of an image.

    Attributes
    ----------
    name
        Says which.
    group
        The image it comes from.
    pixels, objects
        (Y, X).
    """

    name: str
    group: str
    pixels: NDArray[Any]
    objects: NDArray[np.int32]

    def annotation(self, kind: Kind, seed: int) -> Annotation:
        """Return the window as somebody would annotate it: all objects, or some strokes."""
        image = Image(self.pixels, "YX", name=self.name)
        if kind == "objects":
            return Annotation(image, self.objects, kind)
        paint = scribbles(self.objects > 0, seed * 1000, borders=False, strokes=STROKES)
        return Annotation(image, paint, kind)


@dataclass(frozen=True)
class DataSet:
    """Images of one kind, and the network that they are given to.

    Attributes
    ----------
    parent
        Name of the network, bundled or for research.
    windows
        Reads all of them.
    """

    parent: str
    windows: Callable[[Path], list[Window]]

    def split(self, data: Path, half: str, seed: int, planes: int) -> tuple[list[Window], ...]:
        """Return windows to tune on, and windows of other images to judge by."""
        windows = self.windows(data)
        groups = sorted({window.group for window in windows})
        random.Random("halves").shuffle(groups)
        groups = groups[HALVES.index(half) :: 2]
        random.Random(seed).shuffle(groups)
        most = len(groups) - max(1, len(groups) // 4)
        tuned: list[Window] = []
        used = set()
        for group in groups[:most]:
            if len(tuned) < planes:
                used.add(group)
                tuned += [
                    w for w in windows if w.group == group and len(np.unique(w.objects)) > FEWEST
                ]
        judged = [w for group in groups if group not in used for w in windows if w.group == group]
        random.Random(seed).shuffle(judged)
        return tuned[:planes], judged[:MOST_JUDGED]


def _read(
    folder: Path, masks: str = "objects"
) -> dict[str, tuple[NDArray[Any], NDArray[np.int32]]]:
    return {
        path.stem: (
            tifffile.imread(path),
            tifffile.imread(folder / masks / path.name).astype(np.int32),
        )
        for path in sorted((folder / "images").iterdir())
    }


def _cut(
    name: str, pixels: NDArray[Any], objects: NDArray[np.int32], side: tuple[int, int]
) -> list[Window]:
    """Cut an image into windows of at least half of the size asked for."""
    (height, width), (h, w) = pixels.shape, side
    return [
        Window(f"{name}-{y}-{x}", name, pixels[y : y + h, x : x + w], objects[y : y + h, x : x + w])
        for y in range(0, max(height - h // 2, 1), h)
        for x in range(0, max(width - w // 2, 1), w)
    ]


def _coarser(pixels: NDArray[Any], objects: NDArray[np.int32]) -> tuple[NDArray[Any], ...]:
    """Halve the resolution, at which the network for phase contrast was trained."""
    even = tuple(n // 2 * 2 for n in pixels.shape)
    pixels, objects = (each[: even[0], : even[1]] for each in (pixels, objects))
    blocks = view_as_blocks(objects, (2, 2)).reshape(even[0] // 2, even[1] // 2, 4)
    mean = view_as_blocks(pixels.astype(np.float32), (2, 2)).mean(axis=(2, 3))
    return mean, np.sort(blocks, axis=-1)[..., 2]


def nuclei(data: Path) -> list[Window]:
    """Return nuclei of images set aside when the network was trained, that it knows well."""
    folder = data / "nuclei-dsb2018"
    windows = []
    for name in nuclei_2d.split(folder)[1]:
        pixels = tifffile.imread(folder / "images" / name)
        objects = tifffile.imread(folder / "masks" / name).astype(np.int32)
        windows += _cut(name, pixels, objects, (320, 320))[:1]
    return windows


def nuclei_elsewhere(data: Path) -> list[Window]:
    """Return nuclei of another laboratory."""
    images = _read(data / "more" / "nuclei-deepcell")
    return [w for name, (p, o) in images.items() for w in _cut(name, p, o, (320, 320))]


def phase(data: Path) -> list[Window]:
    """Return cells of the kind the network knows, of another sequence."""
    images = _read(data / "more" / "phase-u373-seq01")
    return [Window(name, name, *_coarser(p, o)) for name, (p, o) in images.items()]


def phase_elsewhere(data: Path) -> list[Window]:
    """Return cells of other kinds under another microscope."""
    images = _read(data / "more" / "phase-usiigaci")
    return [Window(name, name, *_coarser(p, o)) for name, (p, o) in images.items()]


def rods(data: Path) -> list[Window]:
    """Return bacteria in phase contrast, of which a network for nuclei knows nothing."""
    windows = []
    for name, (pixels, objects) in _read(data / "more" / "bacteria-deepcell").items():
        if min(pixels.shape) < 1000:
            continue
        for part, columns in (("left", slice(0, 500)), ("right", slice(500, 1000))):
            half = pixels[:1000, columns], objects[:1000, columns]
            windows += _cut(f"{part}-{name}", *half, (200, 250))
    return windows


DATA_SETS = {
    "nuclei": DataSet("nuclei-fluorescence", nuclei),
    "nuclei elsewhere": DataSet("nuclei-fluorescence", nuclei_elsewhere),
    "phase": DataSet("cells-phase-u373", phase),
    "phase elsewhere": DataSet("cells-phase-u373", phase_elsewhere),
    "rods": DataSet("nuclei-fluorescence", rods),
}
