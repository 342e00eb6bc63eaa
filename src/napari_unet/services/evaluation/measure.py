"""Measurements of objects in files: images and their labels in, a table out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.objects.measure import measure
from napari_unet.core.progress import Job, Progress
from napari_unet.services.files.images import open_image
from napari_unet.services.files.labels import find_labels, read_labels
from napari_unet.services.files.pairs import pair_files
from napari_unet.services.files.provenance import describe_file, new_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.core.objects.details import Details
    from napari_unet.core.objects.measure import Columns
    from napari_unet.services.files.pairs import FilePairs
    from napari_unet.services.files.provenance import MadeBy


def read_labelled(files: FilePairs, *, axes: str | None = None) -> list[tuple[Image, Lazy]]:
    """Open images and their label images.

    Parameters
    ----------
    files
        The files, paired as for training.
    axes
        Axes of the images where the files' own are wrong.

    Raises
    ------
    UserError
        When files don't fit each other or hold no labels.
    """
    pairs = []
    for image_path, label_path in files.pairs:
        image = open_image(image_path, axes)
        numbers = read_labels(label_path, image).image.data
        check_alignment(image, numbers, {}, {}, label_path.name)
        pairs.append((image, numbers))
    return pairs


def measure_all(
    labelled: Sequence[tuple[Image, Lazy]],
    *,
    spatial: str = "",
    details: Sequence[Details] | None = None,
    parts: Sequence[Mapping[str, str]] | None = None,
) -> Job[Columns]:
    """Measure the objects of one image, or of several in one table.

    Parameters
    ----------
    labelled
        Images with their labels.
    spatial
        As for `measure`.
    details
        As for `measure`, for each image.
    parts
        Of the name of each image, such as well and condition: columns with these names.

    Yields
    ------
    Progress
        In units of images.

    Returns
    -------
    dict of str to ndarray
        The columns of `measure`; for several images, or with parts, after the name of the image and
        these parts.
        What an image lacks, such as a channel or the pixel size, is NaN.

    Raises
    ------
    UserError
        As there.
    """
    tables: list[Columns] = []
    for i, (image, numbers) in enumerate(labelled):
        more = None if details is None else details[i]
        job = measure(image, numbers, spatial=spatial, details=more)
        try:
            while True:
                step = next(job)
                note = f"{image.name} {step.note}".rstrip()
                yield Progress(i + step.fraction, len(labelled), note)
        except StopIteration as stop:
            tables.append(stop.value)
    if len(tables) == 1 and parts is None:
        return tables[0]
    return stacked([image.name for image, _ in labelled], tables, parts or [])


def read_parents(
    files: FilePairs,
    parents: Sequence[str | Path],
    labelled: Sequence[tuple[Image, Lazy]],
    *,
    in_order: bool = False,
) -> list[Lazy | None]:
    """Open the labels of larger objects for each image; None for each if there are none.

    Raises
    ------
    UserError
        When they can't be paired with the images, or don't fit them.
    """
    if not parents:
        return [None] * len(labelled)
    images = [image for image, _ in files.pairs]
    pairs = pair_files(images, find_labels(parents), in_order=in_order).pairs
    opened: list[Lazy | None] = []
    for (_, path), (image, _) in zip(pairs, labelled, strict=True):
        numbers = read_labels(path, image).image.data
        check_alignment(image, numbers, {}, {}, path.name)
        opened.append(numbers)
    return opened


def parent_records(parents: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return place and hash of the files of larger objects."""
    paths = find_labels(parents)
    return {f"parents {i}": describe_file(path) for i, path in enumerate(paths, start=1)}


def table_record(files: FilePairs, axes: str | None, **settings: Any) -> MadeBy:
    """Return what made a table of the objects in files."""
    inputs: dict[str, Path] = {}
    for i, (image, labels) in enumerate(files.pairs):
        inputs |= {f"image {i + 1}": image, f"labels {i + 1}": labels}
    reading = {} if axes is None else {"axes": axes}
    return new_record("measure", "table", inputs, options=settings, **reading)


def stacked(
    names: Sequence[str], tables: Sequence[Columns], parts: Sequence[Mapping[str, str]] = ()
) -> Columns:
    """Put tables of several images together, after the names of these and their parts."""
    counts = [len(table["label"]) for table in tables]
    columns: Columns = {"image": np.repeat(np.array(names), counts)}
    for part in parts[0] if parts else ():
        columns[part] = np.repeat(np.array([each[part] for each in parts]), counts)
    for name in dict.fromkeys(name for table in tables for name in table):
        columns[name] = np.concatenate(
            [table.get(name, np.full(n, np.nan)) for table, n in zip(tables, counts, strict=True)]
        )
    return columns
