"""Writes what a command needs and no file holds yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.inference.rescale import pixel_size_of
from napari_unet.core.model.file import MODEL_SUFFIX
from napari_unet.core.progress import Progress
from napari_unet.services.commands.segmentation import untold
from napari_unet.services.files.images import SUFFIXES, open_image
from napari_unet.services.files.pairs import pair_files
from napari_unet.services.files.save import save_labels
from napari_unet.services.tiff.writer import Stack, write_stack
from napari_unet.services.training.annotation_files import HELD, read_annotations, write_regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.core.progress import Job


@dataclass(frozen=True)
class Learnt:
    """An image with its paint, as they were learnt.

    Attributes
    ----------
    annotation
        The image and a copy of the paint.
    image, paint
        The files that they may be from.
    """

    annotation: Annotation
    image: Path | None
    paint: Path | None


@dataclass(frozen=True)
class CommandFiles:
    """What the command reads."""

    images: list[Path]
    paints: list[Path]
    regions: Path | None


def written(learnt: Sequence[Learnt], folder: Path) -> Job[CommandFiles]:
    """Find files that hold what was learnt, or write them."""
    regions = _store_regions([one.annotation for one in learnt], folder)
    images: list[Path] = []
    paints: list[Path] = []
    for number, one in enumerate(learnt, 1):
        yield Progress(number - 1, len(learnt), "Looking for the image's file")
        inside = folder / str(number)
        image = one.image
        # each file counts once
        if (
            image is None
            or image in images
            or not (yield from _is_image(image, one.annotation.image))
        ):
            image = yield from _store_image(one.annotation.image, inside)
        yield Progress(number - 1, len(learnt), "Writing the paint")
        paint = one.paint
        if (
            paint is None
            or paint in paints
            or not (yield from _is_paint(image, paint, one.annotation))
        ):
            paint = yield from _store_paint(image, one.annotation, inside)
        images.append(image)
        paints.append(paint)
    if pair_files(images, paints) != list(zip(images, paints, strict=True)):
        raise untold(
            "images and paint would be paired by their names", "Rename the files of paint."
        )
    return CommandFiles(images, paints, regions)


def is_file(model: str) -> bool:
    """Whether a model is named by its file rather than by its name in the library."""
    return Path(model).suffix == MODEL_SUFFIX


def _is_image(path: Path, image: Image) -> Job[bool]:
    """Whether a file opens as an image, to the pixel, with its name and its pixel size."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        found = open_image(path)
        spatial = "".join(a for a in "ZYX" if a in image.axes)
        alike = found.axes == image.axes and found.name == image.name
        alike = alike and found.spacing(spatial) == image.spacing(spatial)
        alike = alike and pixel_size_of(found, spatial) == pixel_size_of(image, spatial)
        return alike and (yield from _same(found.data, image.data))
    except UserError:
        return False


def _is_paint(image: Path, path: Path, annotation: Annotation) -> Job[bool]:
    """Whether files are read as the paint that was learnt."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        (found,) = read_annotations([image], [path], annotation.kind)
    except UserError:
        return False
    return (yield from _same(found.paint, annotation.paint, of_one_type=False))


def _same(one: Lazy, other: Lazy, *, of_one_type: bool = True) -> Job[bool]:
    """Whether two arrays hold the same, a plane at a time."""
    if tuple(one.shape) != tuple(other.shape):
        return False
    if of_one_type and np.dtype(one.dtype).newbyteorder("=") != np.dtype(other.dtype).newbyteorder(
        "="
    ):
        return False
    for at in np.ndindex(*one.shape[:-2]):
        place = (*at, slice(None), slice(None))
        if not np.array_equal(np.asarray(one[place]), np.asarray(other[place])):
            return False
        yield Progress(0, 0)
    return True


def _store_regions(annotations: Sequence[Annotation], folder: Path) -> Path | None:
    """Write the regions of all images into a file, or those of each into one in a folder."""
    first = annotations[0]
    if all(annotation.regions == first.regions for annotation in annotations):
        if not first.regions:
            return None
        write_regions(folder / "regions.csv", first.regions, first.image)
        return folder / "regions.csv"
    names = [annotation.image.name for annotation in annotations]
    if len(set(names)) < len(names):
        raise untold(
            "images of one name have regions of their own", "Give each layer a name of its own."
        )
    for annotation in annotations:
        if annotation.regions:
            path = folder / "regions" / f"{annotation.image.name}.csv"
            write_regions(path, annotation.regions, annotation.image)
    return folder / "regions"


def _store_image(image: Image, folder: Path) -> Job[Path]:
    path = folder / f"{image.name}.ome.tif"
    size = int(np.prod(image.data.shape)) * np.dtype(image.data.dtype).itemsize
    if size > HELD:
        raise untold(
            f"{image.name!r} is from no file that holds the same, and too large to be copied",
            "Save the image as a TIFF of its name, open that, and train with it.",
        )
    if path.parent == folder:
        dtype = np.dtype(image.data.dtype).newbyteorder("=")
        write_stack(path, Stack(image.data, image.axes, dtype), image)
        if (yield from _is_image(path, image)):
            return path
    raise untold(
        f"{image.name!r} would not be the same in a file",
        "Give the layer a name that a file can have, and a pixel size in µm, and train again.",
    )


def _store_paint(image: Path, annotation: Annotation, folder: Path) -> Job[Path]:
    path = folder / f"{image.name.split('.')[0]}-paint.tif"
    save_labels(path, annotation.paint, annotation.image)
    if not (yield from _is_paint(image, path, annotation)):
        raise untold("the paint would not be the same in a file", "Paint with labels from 0 on.")
    return path
