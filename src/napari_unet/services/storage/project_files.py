"""Save a project, so that a failure leaves the previous one intact, and read its pixels."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image, guess_axes
from napari_unet.core.progress import Progress
from napari_unet.services.files.images import is_image_file, open_image, open_labels
from napari_unet.services.files.provenance import TIFF_TAG, as_text, new_record, uuid_of
from napari_unet.services.library import looks_like_path, safe_file_name
from napari_unet.services.storage.project import (
    FILE,
    SUFFIX,
    FileNote,
    check_unchanged,
    read_project,
)
from napari_unet.services.tiff.writer import Embedded, Stack, write_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.image.axes import Lazy
    from napari_unet.core.progress import Job
    from napari_unet.services.storage.project import LayerNote, Project

RESULT = "napari_unet"
"""Entry of a layer's metadata that says of which segmentation it is the result."""


def save_project(folder: Path, project: Project, pixels: Mapping[str, Lazy]) -> Job[Project]:
    """Save a project; one that exists is replaced once everything is written.

    The project file is written last. Until then the previous one refers to the previous pixels, which
    are deleted afterwards. Pixels that have not changed are not written again.

    Parameters
    ----------
    folder
        Where it goes; ends in ``.unetproject``. Created, with its parents.
    project
        What to save. The pixels of a layer are stored, unless its file exists and holds them.
    pixels
        Pixels of the layers, by id. Labels are copied: they may be painted on meanwhile.

    Returns
    -------
    Project
        As it was saved: with the names and checksums of the stored pixels.

    Raises
    ------
    UserError
        When the folder is not a project, or can't be written; the previous project is intact.
    """
    before = _stored_names(folder)
    new = not folder.exists()
    notes: list[LayerNote] = []
    written: list[Path] = []
    try:
        for n, note in enumerate(project.layers):
            yield Progress(n, len(project.layers), f"Saving {note.name}")
            if note.id not in pixels:
                # shapes, or a layer that could not be opened
                notes.append(note)
            elif note.file is not None and _holds(note):
                notes.append(note.model_copy(update={"file": _reference(folder, note.file)}))
            else:
                notes.append(_store(folder, note, pixels[note.id], written))
        saved = project.model_copy(update={"layers": tuple(notes), **_model(folder, project.model)})
        yield Progress(len(notes), len(notes), "Finishing")
        with atomic_path(folder / FILE) as part:
            part.write_text(saved.model_dump_json(indent=1), encoding="utf-8")
    except BaseException:
        # on Cancel, too
        _remove(folder, {path.name for path in written} - before)
        if new:
            with suppress(OSError):
                folder.rmdir()
        raise
    _remove(folder, before - {note.stored for note in notes})
    return saved


def open_layer(folder: str | Path, note: LayerNote) -> Image:
    """Open the pixels of a layer that a project stores.

    Raises
    ------
    UserError
        When they are missing, damaged, or have been changed.
    """
    image = open_labels(Path(folder) / note.stored)
    check_unchanged(note, tuple(image.data.shape), image.data.dtype.name)
    return image


def digest(pixels: Lazy) -> str:
    """Return a checksum of pixels, their shape and their type; they are read plane by plane."""
    dtype = np.dtype(pixels.dtype)
    checksum = hashlib.blake2b(f"{dtype.name} {tuple(pixels.shape)}".encode(), digest_size=16)
    for index in np.ndindex(tuple(pixels.shape[:-2])):
        plane = np.asarray(pixels[index]).astype(dtype.newbyteorder("="), copy=False)
        checksum.update(np.ascontiguousarray(plane).data.cast("B") if plane.size else b"")
    return checksum.hexdigest()


def project_path(path: Path) -> Path:
    """Return the folder for a project that a user has named: with the suffix, if it lacks it."""
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def _stored_names(folder: Path) -> set[str]:
    """Return the names of the files that the project in a folder stores; none if it is new."""
    if any(parent.suffix == SUFFIX for parent in folder.absolute().parents):
        raise UserError(
            f"{folder.name} can't be saved there",
            value=folder.parent,
            rule="A project is a folder of its own, outside other projects.",
            remedy="Choose a place beside that project, or the project itself to replace it.",
        )
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return set()
    if not (folder / FILE).is_file():
        raise UserError(
            f"{folder.name} is a folder, but not a project",
            rule="A project is saved to a new folder, or over an earlier project.",
            remedy="Choose another name.",
        )
    try:
        return {note.stored for note in read_project(folder).layers if note.stored}
    except UserError:
        # damaged, or of a later version: which files belong to it is unknown, so all are kept
        return set()


def _store(folder: Path, note: LayerNote, pixels: Lazy, written: list[Path]) -> LayerNote:
    if note.kind == "labels" and isinstance(pixels, np.ndarray):
        pixels = np.array(pixels)
    checksum = digest(pixels)
    # another name for other content: files of the previous project are never overwritten
    name = f"{safe_file_name(note.name)[:80]}-{checksum[:12]}.tif"
    stored = note.model_copy(
        update={
            "file": None,
            "stored": name,
            "digest": checksum,
            "shape": tuple(pixels.shape),
            "dtype": np.dtype(pixels.dtype).name,
        }
    )
    if not _is_stored(folder, stored):
        written.append(folder / name)
        _write(folder / name, stored, pixels)
    return stored


def _is_stored(folder: Path, note: LayerNote) -> bool:
    """Whether the pixels of a layer are stored already, unchanged."""
    try:
        return digest(open_layer(folder, note).data) == note.digest
    except UserError:
        return False


def _write(path: Path, note: LayerNote, pixels: Lazy) -> None:
    axes = guess_axes(note.shape[:-1]) + "S" if note.look.get("rgb") else guess_axes(note.shape)
    scale: Any = note.look.get("scale")
    units: Any = note.look.get("units") or ["pixel"]
    steps = dict(zip(axes, scale, strict=False)) if scale else {}
    image = Image(pixels, axes, steps, str(units[-1]), note.name)
    stack = Stack(pixels, axes, np.dtype(pixels.dtype).newbyteorder("="))
    write_stack(path, stack, image, text=_embedded(note))


def _embedded(note: LayerNote) -> Embedded:
    """Say what made a layer, which may have been painted on since."""
    result: Any = note.metadata.get(RESULT, {})
    earlier: Any = result.get("made_by", {}) if isinstance(result, dict) else {}
    known = {name: earlier[name] for name in ("model", "inputs", "options") if name in earlier}
    record = {**new_record("project", note.kind, {}, layer=note.name), **known}
    return Embedded(TIFF_TAG, as_text(record), uuid_of(record))


def _holds(note: LayerNote) -> bool:
    """Whether the file of a layer exists and, as far as can be checked, holds its pixels."""
    assert note.file is not None
    path = Path(note.file.path)
    if not is_image_file(path):
        return path.exists()
    try:
        size = int(np.prod(open_image(path).data.shape))
    except UserError:
        # another reader can open it
        return True
    # the layer may be one channel of the file, or several files
    return size == int(np.prod(note.shape))


def _reference(folder: Path, file: FileNote) -> FileNote:
    path = Path(file.path).resolve()
    size = path.stat().st_size if path.is_file() else None
    return file.model_copy(update={"path": str(path), "near": _near(folder, path), "size": size})


def _model(folder: Path, model: str) -> dict[str, str]:
    """Return the fields that refer to a U-Net; a name in the library stays as it is."""
    path = Path(model).expanduser()
    if not looks_like_path(model) or not path.exists():
        return {"model": model, "model_near": ""}
    return {"model": str(path.resolve()), "model_near": _near(folder, path.resolve())}


def _near(folder: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:
        # another drive
        return ""


def _remove(folder: Path, names: set[str]) -> None:
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()
