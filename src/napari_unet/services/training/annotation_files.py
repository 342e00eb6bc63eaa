"""Reads annotations from files: images, their labels, and the regions where these apply."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import resample_labels
from napari_unet.services.files.images import open_image
from napari_unet.services.files.labels import MAX_BYTES_IN_MEMORY, read_labels
from napari_unet.services.files.pairs import find_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.services.files.pairs import FilePairs

RANGE_PATTERN = r"([A-Za-z])=(\d+):(\d+)"


def read_annotations(
    images: Sequence[str | Path],
    labels: Sequence[str | Path],
    kind: Kind,
    *,
    regions: Sequence[str] = (),
    axes: str | None = None,
    resample: bool = False,
    in_order: bool = False,
    result_before: Sequence[str | Path] = (),
) -> list[Annotation]:
    """Read images with their labels.

    Parameters
    ----------
    images, labels
        Image files, folders or patterns. They are paired by their names, or in order where names say
        nothing. Both may be in one folder.
    kind
        What the labels mean.
    regions
        Where the labels apply: boxes such as ``y=0:256,x=100:300,z=4:5``, or CSV files of a Shapes
        layer saved by napari, for every image; or folders with a CSV file for each image that has
        regions of its own, named like the image. Each file there must belong to an image.
    axes
        Axes of the images, if those in the files are wrong.
    resample
        Resample labels that are smaller or larger than their image by a whole factor, and ignore the
        pixel size stated in their files.
    in_order
        Pair the files in the order given, whatever their names.
    result_before
        The results that the labels were copied from and then corrected, paired with the images
        likewise. Without: everything was painted anew.

    Raises
    ------
    UserError
        When files are missing, can't be paired or don't fit each other.
    """
    pairs = find_pairs(images, labels, in_order=in_order)
    before = find_pairs(images, result_before, in_order=in_order) if result_before else None
    return read_pairs(pairs, kind, regions=regions, axes=axes, resample=resample, before=before)


def read_pairs(
    pairs: FilePairs,
    kind: Kind,
    *,
    regions: Sequence[str] = (),
    axes: str | None = None,
    resample: bool = False,
    before: FilePairs | None = None,
) -> list[Annotation]:
    """Read images and labels that have been paired.

    Parameters
    ----------
    pairs
        The files.
    kind, regions, axes, resample
        As for `read_annotations`.
    before
        The same images with the results that the labels were copied from; None: there are none.

    Raises
    ------
    UserError
        When files can't be read or don't fit each other.
    """
    annotations = []
    results = dict(before.pairs) if before is not None else {}
    for image_path, label_path in pairs.pairs:
        image = _in_memory(open_image(image_path, axes))
        read = read_labels(label_path, image)
        painted, notes = read.image, read.notes
        if resample:
            painted = _resampled(painted, image)
        texts = [text for given in regions for text in _of_image(given, image)]
        areas = [region for text in texts for region in read_regions(text, image)]
        if kind != "scribbles" and not areas and _is_empty(painted.data):
            areas = [Region.box((0, image.sizes["Y"]), (0, image.sizes["X"]))]
            notes = (
                *notes,
                f"{label_path.name}: no label at all; learnt as background everywhere.",
            )
        scale = painted.scale if painted.unit == image.unit and not resample else {}
        where, name = tuple(areas), label_path.name
        annotation = Annotation(image, painted.data, kind, where, name, scale, notes=notes)
        annotations.append(_with_result(annotation, results.get(image_path), resample))
    for given in regions:
        if Path(given).is_dir():
            _check_folder(Path(given), [annotation.image.name for annotation in annotations])
    return annotations


def _with_result(annotation: Annotation, path: Path | None, resample: bool) -> Annotation:
    """Return an annotation with the result that it was copied from, if there is one."""
    if path is None:
        return annotation
    found = read_labels(path, annotation.image).image
    if resample:
        found = _resampled(found, annotation.image)
    return replace(annotation, result_before=found.data)


def _resampled(labels: Image, image: Image) -> Image:
    """Return labels with the pixels of their image."""
    if labels.data.shape == image.label_shape:
        return labels
    return replace(image, data=resample_labels(image, labels.data), axes=image.label_axes)


def read_regions(text: str, image: Image) -> list[Region]:
    """Read one or more regions of an image.

    Parameters
    ----------
    text
        A box, or the path of a CSV file, as for `read_annotations`.
    image
        The image.

    Raises
    ------
    UserError
        When it is neither.
    """
    path = Path(text)
    if path.suffix.lower() == ".csv":
        return _shapes(path, image)
    parts = [re.fullmatch(RANGE_PATTERN, part.strip()) for part in text.split(",")]
    spans = {m[1].upper(): (int(m[2]), int(m[3])) for m in parts if m is not None}
    if not all(parts) or not spans or any(first >= stop for first, stop in spans.values()):
        raise UserError(
            "A region can't be understood",
            value=repr(text),
            rule="A region is a box like y=0:256,x=100:300 (first pixel, and one past the last), or a "
            "CSV file of a Shapes layer.",
            remedy="Write it like that.",
        )
    y = spans.pop("Y", (0, image.sizes["Y"]))
    x = spans.pop("X", (0, image.sizes["X"]))
    return [Region.box(y, x, **spans)]


def _of_image(given: str, image: Image) -> list[str]:
    """Return the regions of an image: itself, or the file of the image in a folder of them."""
    if not Path(given).is_dir():
        return [given]
    own = Path(given) / f"{image.name}.csv"
    return [str(own)] if own.is_file() else []


def _check_folder(folder: Path, names: Sequence[str]) -> None:
    """Raise a `UserError` when a folder has regions of no image, which would be ignored silently."""
    files = sorted(path for path in folder.glob("*.csv") if not path.name.startswith("."))
    strays = [path.name for path in files if path.stem not in names]
    # files of images that are not used this time are fine, if each image has one
    if {path.stem for path in files}.issuperset(names) or (files and not strays):
        return
    if len(strays) < len(files):
        problem, value = "Some regions belong to no image", f"{', '.join(strays[:5])} in {folder}"
    else:
        problem, value = "No image has regions in this folder", str(folder)
    raise UserError(
        problem,
        value=value,
        rule=f"A CSV file of regions has the name of its image, such as {names[0]}.csv; an image "
        "without one is annotated wherever it has labels.",
        remedy="Rename the files or take them out of the folder, or leave `regions` out.",
    )


def write_regions(path: Path, regions: Sequence[Region], image: Image) -> None:
    """Write regions of an image for `read_regions`, in a CSV file like napari's.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    axes = image.label_axes
    with atomic_path(path) as part, part.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(
            ["index", "shape-type", "vertex-index", *(f"axis-{i}" for i in range(len(axes)))]
        )
        for number, region in enumerate(regions):
            for vertex, (y, x) in enumerate(region.outline):
                at = {"Y": y, "X": x}
                for axis in axes:
                    first, stop = region.spans.get(axis, (0, image.sizes[axis]))
                    # the region reaches as far as its corners
                    at.setdefault(axis, stop - 1 if vertex else first)
                rows.writerow(
                    [number, "polygon", vertex, *(repr(float(at[axis])) for axis in axes)]
                )


def _shapes(path: Path, image: Image) -> list[Region]:
    """Read a CSV file as napari writes it: index, shape-type, vertex-index, axis-0, axis-1, ..."""
    corners: dict[str, list[list[float]]] = defaultdict(list)
    kinds: dict[str, str] = {}
    try:
        with path.open(newline="") as stream:
            for row in csv.DictReader(stream):
                corner = [float(row[f"axis-{i}"]) for i in range(len(image.label_axes))]
                corners[row["index"]].append(corner)
                kinds[row["index"]] = row["shape-type"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path.name} can't be read as regions",
            value=error,
            rule="It must be a CSV file of a Shapes layer, saved by napari, with the image's "
            f"{len(image.label_axes)} dimensions.",
            remedy="Select the Shapes layer in napari and choose File ▸ Save Selected Layers.",
        ) from error
    return [Region.from_shape(kinds[i], np.array(corners[i]), image.label_axes) for i in corners]


def _is_empty(labels: Lazy) -> bool:
    """Whether there is no label at all, in labels that are in memory."""
    return isinstance(labels, np.ndarray) and not labels.any()


def _in_memory(image: Image) -> Image:
    shape, dtype = image.data.shape, image.data.dtype
    if int(np.prod(shape)) * dtype.itemsize > MAX_BYTES_IN_MEMORY:
        return image
    return replace(image, data=np.asarray(image.data[...]))
