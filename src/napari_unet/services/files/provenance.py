"""What made a file, written into it: model, settings, inputs and version."""

from __future__ import annotations

import csv
import hashlib
import json
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.services.omezarr.labels import RECORD
from napari_unet.services.omezarr.store import Place, is_zarr, open_node
from napari_unet.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MadeBy = dict[str, Any]
"""JSON: ``program``, ``by`` (a command), ``made`` (what), ``inputs``; mostly ``model``, ``options``."""

TIFF_TAG = 65_112
"""Private TIFF tag that holds it as JSON, in any notation of axes."""

COLUMN = "made_by"
"""Column of a table whose first entry is it; the name of the column where a table has no rows."""

MEMBER = "made-by.json"
"""Name of it in a ZIP archive."""

LARGEST = 1 << 22
"""Longer texts are none of ours."""


def new_record(by: str, made: str, inputs: Mapping[str, Path], **more: Any) -> MadeBy:
    """Return the record of a file that is about to be written.

    Parameters
    ----------
    by
        The command, such as ``"segment"``.
    made
        What is in the file, such as ``"labels"``.
    inputs
        The files that were read, by what they are.
    more
        What else repeats it; JSON values.
    """
    return {
        "program": f"napari-unet-studio {__version__}",
        "by": by,
        "made": made,
        "inputs": {what: describe_file(path) for what, path in inputs.items()},
        **more,
    }


def describe_file(path: Path) -> dict[str, str]:
    """Return place and SHA-256 of a file; the hash is empty if it can't be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        digest = ""
    return {"path": str(path.absolute()), "sha256": digest}


def as_text(record: MadeBy) -> str:
    """Return a record as JSON in ASCII, the same for the same record."""
    return json.dumps(record, sort_keys=True)


def uuid_of(record: MadeBy) -> str:
    """Return an identifier for OME-XML that is the same for the same record."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, as_text(record))}"


def read_record(path: Path) -> MadeBy:
    """Read what made a file.

    Raises
    ------
    UserError
        When it can't be read, or says nothing.
    """
    suffix = path.suffix.lower()
    try:
        text = _from_zarr(path) if is_zarr(path) else ""
        text = text or (READERS[suffix](path) if suffix in READERS else "")
        record = json.loads(text) if text and len(text) <= LARGEST else None
    except OSError as error:
        raise UserError(
            f"{path.name} can't be opened",
            value=error.strerror or error,
            rule="The file must exist and you must have the right to read it.",
            remedy="Check the name, the folder and the permissions.",
        ) from error
    except Exception:  # noqa: BLE001 - parsing what others wrote may raise anything
        record = None
    if not isinstance(record, dict) or "program" not in record:
        raise UserError(
            f"{path.name} does not say what made it",
            value=suffix or "no suffix",
            rule="TIFF, OME-Zarr, CSV, ROI archives, GeoJSON, scores and models of U-Net Studio do.",
            remedy="Choose a file that U-Net Studio wrote.",
        )
    return record


def _from_tiff(path: Path) -> str:
    import tifffile

    with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
        return str(tiff.pages.first.tags.valueof(TIFF_TAG, ""))


def _from_csv(path: Path) -> str:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header, first = next(rows, []), next(rows, [])
    if header and header[-1].startswith("{"):
        return header[-1]
    return first[header.index(COLUMN)] if COLUMN in header and first else ""


def _from_zarr(path: Path) -> str:
    return json.dumps(dict(open_node(Place.of(path)).attrs).get(RECORD, {}))


def _from_zip(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(MEMBER).file_size > LARGEST:
            return ""
        return archive.read(MEMBER).decode("utf-8")


def _from_geojson(path: Path) -> str:
    found = json.loads(path.read_text("utf-8")).get(COLUMN)
    return json.dumps(found) if found else ""


def _from_model(path: Path) -> str:
    from napari_unet.core.model.file import read_hash, read_spec

    spec = read_spec(path)
    provenance = spec.provenance
    return as_text(
        {
            "program": f"napari-unet-studio {provenance.package_version}".rstrip(),
            "by": "finetune" if provenance.training else "import",
            "made": "model",
            "model": {"name": spec.name, "sha256": read_hash(path), "parent": provenance.parent},
            "options": provenance.training.get("options", {}),
            "inputs": provenance.training.get("files", {}).get("inputs", {}),
            "training": provenance.training,
            "file": str(path.absolute()),
            "origin": provenance.origin,
        }
    )


READERS = {
    ".tif": _from_tiff,
    ".tiff": _from_tiff,
    ".csv": _from_csv,
    ".zip": _from_zip,
    ".geojson": _from_geojson,
    ".json": _from_geojson,
    ".safetensors": _from_model,
}
"""How the record is read, by the suffix of the file."""
