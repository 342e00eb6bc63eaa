"""Measurements of objects in files: images and their labels in, a table out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.objects.measure import measure
from napari_unet.core.progress import Job, Progress
from napari_unet.services.files.images import open_image
from napari_unet.services.files.labels import read_labels
from napari_unet.services.files.provenance import COLUMN, as_text, new_record
from napari_unet.services.files.save import check_free

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.image.axes import Image, Lazy
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


def measure_all(labelled: Sequence[tuple[Image, Lazy]], *, spatial: str = "") -> Job[Columns]:
    """Measure the objects of one image, or of several in one table.

    Parameters
    ----------
    labelled
        Images with their labels.
    spatial
        As for `measure`.

    Yields
    ------
    Progress
        In units of images.

    Returns
    -------
    dict of str to ndarray
        The columns of `measure`; for several images, with the name of the image as the first column.
        What an image lacks, such as a channel or the pixel size, is NaN.

    Raises
    ------
    UserError
        As there.
    """
    tables: list[Columns] = []
    for i, (image, numbers) in enumerate(labelled):
        job = measure(image, numbers, spatial=spatial)
        try:
            while True:
                step = next(job)
                note = f"{image.name} {step.note}".rstrip()
                yield Progress(i + step.fraction, len(labelled), note)
        except StopIteration as stop:
            tables.append(stop.value)
    if len(tables) == 1:
        return tables[0]
    return _stacked([image.name for image, _ in labelled], tables)


def save_table(
    columns: Mapping[str, Any],
    path: str | Path,
    *,
    overwrite: bool = False,
    made_by: MadeBy | None = None,
) -> None:
    """Write a table as CSV: names in the first line, unknown values left empty.

    Parameters
    ----------
    columns
        A sequence for each column, all of the same length.
    path
        Ends in ``.csv``. Its folder is created if missing. The file is written whole or not at all.
    overwrite
        Whether an existing file may be replaced.
    made_by
        What made it, kept in the first row of a last column.

    Raises
    ------
    UserError
        When the file exists or can't be written.
    """
    path = Path(path)
    check_table(path, overwrite)
    lists = [np.asarray(column).tolist() for column in columns.values()]
    names = list(columns)
    if made_by is not None:
        rows = len(lists[0]) if lists else 0
        # a table without rows has room for it only in the header
        names.append(COLUMN if rows else as_text(made_by))
        lists.append([as_text(made_by), *[""] * (rows - 1)] if rows else [])
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        # NaN is the one value that differs from itself
        writer.writerows(
            ["" if value != value else value for value in row] for row in zip(*lists, strict=True)
        )


def table_record(files: FilePairs, axes: str | None, planes: bool) -> MadeBy:
    """Return what made a table of the objects in files."""
    inputs: dict[str, Path] = {}
    for i, (image, labels) in enumerate(files.pairs):
        inputs |= {f"image {i + 1}": image, f"labels {i + 1}": labels}
    reading = {} if axes is None else {"axes": axes}
    return new_record("measure", "table", inputs, planes=planes, **reading)


def check_table(path: Path, overwrite: bool) -> None:
    """Raise a `UserError` unless a table may be written to `path`."""
    if path.suffix.lower() != ".csv":
        raise UserError(
            f"A table can't be written to {path.name}",
            value=path.suffix or "no suffix",
            rule="Tables are written as CSV, to files whose names end in .csv.",
            remedy=f"Name it {path.stem}.csv; any spreadsheet opens it.",
        )
    check_free(path, overwrite)


def _stacked(names: Sequence[str], tables: Sequence[Columns]) -> Columns:
    counts = [len(table["label"]) for table in tables]
    columns: Columns = {"image": np.repeat(np.array(names), counts)}
    for name in dict.fromkeys(name for table in tables for name in table):
        columns[name] = np.concatenate(
            [table.get(name, np.full(n, np.nan)) for table, n in zip(tables, counts, strict=True)]
        )
    return columns
