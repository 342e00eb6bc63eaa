"""Tables as CSV files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.services.files.provenance import COLUMN, as_text
from napari_unet.services.files.save import check_free

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.services.files.provenance import MadeBy


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
