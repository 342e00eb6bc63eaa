"""Finds or writes the files that the command of a training reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.scale import pixel_size_of
from napari_unet.core.model.file import MODEL_SUFFIX
from napari_unet.core.progress import Progress
from napari_unet.services.commands.line import no_command
from napari_unet.services.files.images import is_image_file, open_image
from napari_unet.services.files.labels import MAX_BYTES_IN_MEMORY
from napari_unet.services.files.pairs import pair_files
from napari_unet.services.files.save import save_labels
from napari_unet.services.tiff.writer import Stack, write_stack
from napari_unet.services.training.annotation_files import read_annotations, write_regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.core.progress import Job


@dataclass(frozen=True)
class TrainingPair:
    """An image and its annotation, as they were trained on.

    Attributes
    ----------
    annotation
        The image and a copy of what was painted.
    image, paint
        The files they may have been opened from.
    """

    annotation: Annotation
    image: Path | None
    paint: Path | None


@dataclass(frozen=True)
class CommandFiles:
    """The files that the command reads, and whether it must not pair them by their names.

    `results` are those that the annotations were copied from; empty if all were painted anew.
    """

    images: list[Path]
    paints: list[Path]
    results: list[Path]
    regions: Path | None
    in_order: bool

    @property
    def options(self) -> dict[str, list[Path]]:
        """The files by the option that takes them."""
        return {
            "--images": self.images,
            "--labels": self.paints,
            "--result-before": self.results,
        }


def find_or_write(pairs: Sequence[TrainingPair], folder: Path) -> Job[CommandFiles]:
    """Find the files that hold what was trained on, or write them into a folder."""
    regions = _store_regions([pair.annotation for pair in pairs], folder)
    images: list[Path] = []
    paints: list[Path] = []
    results: list[Path] = []
    corrected = any(pair.annotation.result_before is not None for pair in pairs)
    for number, pair in enumerate(pairs, 1):
        yield Progress(number - 1, len(pairs), "Comparing the image with its file")
        subfolder = folder / str(number)
        image, annotation = pair.image, pair.annotation
        # each file is used once
        used = image is None or image in images
        if image is None or used or not (yield from _is_image(image, annotation.image)):
            image = yield from _store_image(annotation.image, subfolder)
        yield Progress(number - 1, len(pairs), "Writing the annotation")
        paint = pair.paint
        used = paint is None or paint in paints
        if paint is None or used or not (yield from _is_paint(image, paint, annotation)):
            paint = yield from _store_paint(image, annotation, subfolder)
        images.append(image)
        paints.append(paint)
        if corrected:
            results.append(_store_result(image, annotation, subfolder))
    alike = _paired_alike(images, paints) and (not corrected or _paired_alike(images, results))
    return CommandFiles(images, paints, results, regions, not alike)


def is_file(model: str) -> bool:
    """Whether a model is named by its file rather than by its name in the library."""
    return Path(model).suffix == MODEL_SUFFIX


def _paired_alike(images: Sequence[Path], paints: Sequence[Path]) -> bool:
    """Whether names pair the files as they are."""
    try:
        return list(pair_files(images, paints).pairs) == list(zip(images, paints, strict=True))
    except UserError:
        return False


def _is_image(path: Path, image: Image) -> Job[bool]:
    """Whether a file opens as an image, to the pixel, with its name and its pixel size."""
    if not is_image_file(path):
        return False
    try:
        other = open_image(path)
        spatial = "".join(a for a in "ZYX" if a in image.axes)
        same = other.axes == image.axes and other.name == image.name
        same = same and other.spacing(spatial) == image.spacing(spatial)
        same = same and pixel_size_of(other, spatial) == pixel_size_of(image, spatial)
        return same and (yield from _equal(other.data, image.data))
    except UserError:
        return False


def _is_paint(image: Path, path: Path, annotation: Annotation) -> Job[bool]:
    """Whether files are read as the annotation that was trained on."""
    if not is_image_file(path):
        return False
    try:
        (other,) = read_annotations([image], [path], annotation.kind)
    except UserError:
        return False
    return (yield from _equal(other.paint, annotation.paint, same_dtype=False))


def _equal(a: Lazy, b: Lazy, *, same_dtype: bool = True) -> Job[bool]:
    """Whether two arrays are equal, compared a plane at a time."""
    if tuple(a.shape) != tuple(b.shape):
        return False
    a_dtype, b_dtype = (np.dtype(each.dtype).newbyteorder("=") for each in (a, b))
    if same_dtype and a_dtype != b_dtype:
        return False
    for index in np.ndindex(*a.shape[:-2]):
        plane = (*index, slice(None), slice(None))
        if not np.array_equal(np.asarray(a[plane]), np.asarray(b[plane])):
            return False
        yield Progress(0, 0)
    return True


def _store_regions(annotations: Sequence[Annotation], folder: Path) -> Path | None:
    """Write the regions: one file if all images have the same, else a folder with a file each."""
    first = annotations[0]
    if all(annotation.regions == first.regions for annotation in annotations):
        if not first.regions:
            return None
        write_regions(folder / "regions.csv", first.regions, first.image)
        return folder / "regions.csv"
    names = [annotation.image.name for annotation in annotations]
    if len(set(names)) < len(names):
        raise no_command(
            "images with the same name have different regions",
            "Give each layer a name of its own.",
        )
    for annotation in annotations:
        if annotation.regions:
            path = folder / "regions" / f"{annotation.image.name}.csv"
            write_regions(path, annotation.regions, annotation.image)
    return folder / "regions"


def _store_image(image: Image, folder: Path) -> Job[Path]:
    path = folder / f"{image.name}.ome.tif"
    size = int(np.prod(image.data.shape)) * np.dtype(image.data.dtype).itemsize
    if size > MAX_BYTES_IN_MEMORY:
        raise no_command(
            f"{image.name!r} is not in a file, and too large to be copied",
            "Save the image as a TIFF of its name, open that, and train with it.",
        )
    if path.parent == folder:
        dtype = np.dtype(image.data.dtype).newbyteorder("=")
        write_stack(path, Stack(image.data, image.axes, dtype), image)
        if (yield from _is_image(path, image)):
            return path
    raise no_command(
        f"{image.name!r} would change if it were saved",
        "Give the layer a name that a file can have, and a pixel size in µm, and train again.",
    )


def _store_paint(image: Path, annotation: Annotation, folder: Path) -> Job[Path]:
    path = folder / f"{image.name.split('.')[0]}-paint.tif"
    save_labels(path, annotation.paint, annotation.image)
    if not (yield from _is_paint(image, path, annotation)):
        raise no_command(
            "the annotation would change if it were saved", "Paint with labels from 0 on."
        )
    return path


def _store_result(image: Path, annotation: Annotation, folder: Path) -> Path:
    """Write the result that an annotation was copied from; an empty one if it was painted anew."""
    path = folder / f"{image.name.split('.')[0]}-result.tif"
    result = annotation.result_before
    if result is None:
        result = np.zeros(annotation.image.label_shape, np.uint8)
    save_labels(path, result, annotation.image)
    return path
