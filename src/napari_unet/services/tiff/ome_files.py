"""OME data sets that are spread over several files, and metadata in a file of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import tifffile

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_METADATA = 64 << 20
"""A companion file with more bytes than this is not read."""


def once_per_data_set(paths: Sequence[Path]) -> list[Path]:
    """Leave out files that belong to the same OME data set as an earlier one.

    Opening any file of a data set gives all of it.
    """
    if len(paths) < 2:
        return list(paths)
    first: dict[object, Path] = {}
    for path in paths:
        first.setdefault(data_set(path) or path.absolute(), path)
    return list(first.values())


def data_set(path: Path) -> tuple[Path, frozenset[str]] | None:
    """Return what identifies the OME data set that a file is part of; None if it is by itself."""
    xml = _description(path)
    names = set(re.findall(r"<UUID\b[^>]*\bFileName=\"([^\"]+)\"", xml))
    names |= set(re.findall(r"<BinaryOnly\b[^>]*\bMetadataFile=\"([^\"]+)\"", xml))
    if master := _metadata_file(path, xml):
        names |= set(re.findall(r"\bFileName=\"([^\"]+)\"", _text(master))) | {master.name}
    if not names - {path.name}:
        return None
    # files of one data set name each other; a master is named by the others
    return path.absolute().parent, frozenset(names | {path.name})


def metadata_elsewhere(path: Path) -> dict[str, str]:
    """Return the OME-XML of a file that refers to another for it, as an argument of ``TiffFile``."""
    master = _metadata_file(path, _description(path))
    return {} if master is None else {"omexml": _text(master)}


def _metadata_file(path: Path, xml: str) -> Path | None:
    stated = re.search(r"<BinaryOnly\b[^>]*\bMetadataFile=\"([^\"]+)\"", xml)
    master = path.parent / Path(stated[1]).name if stated else None
    return master if master is not None and master.is_file() else None


def _text(master: Path) -> str:
    if master.suffix.lower() in (".tif", ".tiff"):
        return _description(master)
    if master.stat().st_size > LARGEST_METADATA:
        return ""
    return master.read_text("utf-8", errors="replace")


def _description(path: Path) -> str:
    """Return the OME-XML in the first page of a TIFF file; empty if there is none."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return ""
    try:
        with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
            text = tiff.pages.first.description
    except Exception:  # noqa: BLE001 - a damaged file is told when it is opened
        return ""
    return text if "<OME" in text[:2000] or "openmicroscopy" in text[:2000] else ""
