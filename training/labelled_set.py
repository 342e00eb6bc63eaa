"""A folder of labelled images: what is known of it, how it is divided, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tifffile
import unknown

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.image.colour import combine
from napari_unet.core.image.resample import resampled_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

Part = Literal["learnt", "aside"]
Tier = Literal["A", "B"]

LARGEST = 2.0
"""By how much an image is enlarged at most: more only blurs."""
SAME = 1.1
"""Images whose objects differ by less than this factor from the diameter wanted stay as they are."""


@dataclass(frozen=True)
class LabelledSet:
    """A folder of images with labels.

    Attributes
    ----------
    folder
        Where it is below the data: ``images`` and beside it a folder of labels with the same names.
    kind
        Kind of images.
    axes
        Axes of an image.
    diameter
        Typical diameter of its objects in pixels, the median of medians; None for classes.
    tier
        A: the licence lets networks trained on it be passed on freely; B: published for research.
    licence, citation
        Of the data.
    annotated
        What is annotated, and what is known to be missing.
    source
        Experiment of an image, by its name and its pixels.
    aside
        Whether a source is set aside.
    labels
        The folder of labels, which also tells what they mean.
    unknown
        Marks pixels about which the labels say nothing, though they are 0 or a number there.
    aside_names
        Names of images in its folder that are set aside whatever their source.
    """

    folder: str
    kind: str
    axes: str
    diameter: float | None
    tier: Tier
    licence: str
    citation: str
    annotated: str
    source: Callable[[str, NDArray[Any]], str]
    aside: Callable[[str], bool]
    labels: Literal["objects", "masks", "classes"] = "objects"
    unknown: Callable[[NDArray[Any], NDArray[np.int32]], NDArray[np.bool_]] = unknown.nothing
    aside_names: Callable[[Path], frozenset[str]] = lambda _: frozenset()

    def names(self, data: Path) -> list[str]:
        """Return the names of its labelled images, without their suffix."""
        return sorted(path.stem for path in (data / self.folder / self.labels).glob("*.tif"))

    def pixels(self, data: Path, name: str) -> NDArray[Any]:
        """Return an image; of a sequence, the frame whose number its name ends with."""
        folder = data / self.folder
        if (folder / "stack.tif").exists():
            frame: NDArray[Any] = tifffile.imread(folder / "stack.tif", key=int(name[1:]))
            return frame
        image: NDArray[Any] = tifffile.imread(folder / "images" / f"{name}.tif")
        return image

    def read(self, data: Path, name: str) -> tuple[NDArray[Any], NDArray[np.int32]]:
        """Return an image and its labels as they are."""
        labels = tifffile.imread(data / self.folder / self.labels / f"{name}.tif")
        return self.pixels(data, name), labels.astype(np.int32)

    def divided(self, data: Path) -> dict[Part, list[tuple[str, str]]]:
        """Return the source and name of the images to learn from, and of those set aside."""
        parts: dict[Part, list[tuple[str, str]]] = {"learnt": [], "aside": []}
        aside = self.aside_names(data / self.folder)
        for name in self.names(data):
            source = self.source(name, self.pixels(data, name))
            part: Part = "aside" if name in aside or self.aside(source) else "learnt"
            parts[part].append((source, name))
        return parts

    def annotation(self, data: Path, name: str, *, grey: bool = False) -> Annotation:
        """Return an image and what its labels say; colours may be combined to their luminance."""
        pixels, labels = self.read(data, name)
        mark = int(labels.max()) + 1
        paint = np.where(self.unknown(pixels, labels), mark, labels)
        axes = self.axes
        if grey and axes.endswith("S"):
            pixels, axes = combine(np.moveaxis(pixels, -1, 0), "luminance"), axes[:-1]
        title = f"{self.folder.rpartition('/')[2]}/{name}"
        kind: Literal["classes", "objects"] = "classes" if self.labels == "classes" else "objects"
        return Annotation(Image(pixels, axes, name=title), paint, kind, unlabelled=mark)


def at_diameter(annotation: Annotation, diameter: float | None) -> Annotation:
    """Return an annotation whose objects have a typical diameter; none are known: as it is."""
    paint = np.asarray(annotation.paint)
    own = typical_diameter(np.where(paint == annotation.unlabelled, 0, paint))
    factor = 1.0 if diameter is None or own is None else min(diameter / own, LARGEST)
    if annotation.kind == "classes" or 1 / SAME < factor < SAME:
        return annotation
    image = annotation.image
    shape = tuple(max(round(n * factor), 1) for n in paint.shape)
    nearest = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for old, new in zip(paint.shape, shape, strict=True)
    )
    smaller = resampled_image(image, dict(zip("YX", shape, strict=True)))
    pixels = np.asarray(smaller.data[(slice(None),) * len(image.axes)])
    return Annotation(
        Image(pixels, image.axes, name=image.name),
        paint[np.ix_(*nearest)],
        "objects",
        unlabelled=annotation.unlabelled,
    )


def typical_diameter(labels: NDArray[np.int32]) -> float | None:
    """Return the median diameter of discs as large as the objects; None if there are none."""
    sizes = np.bincount(labels.ravel())[1:]
    sizes = sizes[sizes > 0]
    return float(np.median(2 * np.sqrt(sizes / np.pi))) if sizes.size else None
