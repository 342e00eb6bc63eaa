"""Writing a project so that a failure leaves the former one whole, and reading its pixels."""

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
from napari_unet.services.files.images import SUFFIXES, open_image
from napari_unet.services.library import file_name, names_file
from napari_unet.services.storage.project import (
    FILE,
    SUFFIX,
    FileNote,
    check_unchanged,
    read_project,
)
from napari_unet.services.tiff.writer import Stack, write_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.image.axes import Lazy
    from napari_unet.core.progress import Job
    from napari_unet.services.storage.project import LayerNote, Project


def save_project(folder: Path, project: Project, pixels: Mapping[str, Lazy]) -> Job[Project]:
    """Write a project; what is there already is replaced when all is written.

    The file of the project is written last, and until then names the former pixels, which stay until
    after it. Pixels that are there unchanged are not written again.

    Parameters
    ----------
    folder
        Where it goes; ends in ``.unetproject``. Made, with its parents.
    project
        What is to be saved. Layers are stored unless their file is there and holds them.
    pixels
        Of the layers, by their id. Labels are copied, as they may be painted on meanwhile.

    Returns
    -------
    Project
        As it was written: with the place and the checksum of what is stored.

    Raises
    ------
    UserError
        When the folder is something else, or the system refuses; the former project is whole.
    """
    before = _before(folder)
    new = not folder.exists()
    notes: list[LayerNote] = []
    written: list[Path] = []
    try:
        for n, note in enumerate(project.layers):
            yield Progress(n, len(project.layers), f"Saving {note.name}")
            if note.id not in pixels:
                # a shape, or what could not be opened
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
        # Cancel too
        _remove(folder, {path.name for path in written} - before)
        if new:
            with suppress(OSError):
                folder.rmdir()
        raise
    _remove(folder, before - {note.stored for note in notes})
    return saved


def open_layer(folder: str | Path, note: LayerNote) -> Image:
    """Open the pixels that a project stores of a layer.

    Raises
    ------
    UserError
        When they are missing, damaged, or not what they were.
    """
    image = open_image(Path(folder) / note.stored)
    check_unchanged(note, tuple(image.data.shape), image.data.dtype.name)
    return image


def digest(pixels: Lazy) -> str:
    """Return a checksum of pixels, their shape and their type, read plane by plane."""
    dtype = np.dtype(pixels.dtype)
    found = hashlib.blake2b(f"{dtype.name} {tuple(pixels.shape)}".encode(), digest_size=16)
    for place in np.ndindex(tuple(pixels.shape[:-2])):
        plane = np.asarray(pixels[place]).astype(dtype.newbyteorder("="), copy=False)
        found.update(np.ascontiguousarray(plane).data.cast("B") if plane.size else b"")
    return found.hexdigest()


def project_path(path: Path) -> Path:
    """Return the folder for a project that a user has named."""
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def _before(folder: Path) -> set[str]:
    """Return the names of what the project in a folder has stored; none if there is none yet."""
    if any(parent.suffix == SUFFIX for parent in folder.absolute().parents):
        raise UserError(
            f"{folder.name} can't be saved there",
            value=folder.parent,
            rule="A project is a folder of its own, not inside another one.",
            remedy="Choose a place beside that project, or the project itself to replace it.",
        )
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return set()
    if not (folder / FILE).is_file():
        raise UserError(
            f"{folder.name} is something else than a project",
            rule="A project is saved into a folder of its own, or over a former project.",
            remedy="Choose another name.",
        )
    try:
        return {note.stored for note in read_project(folder).layers if note.stored}
    except UserError:
        # damaged, or of a later version: what belongs to it can't be told, and stays
        return set()


def _store(folder: Path, note: LayerNote, pixels: Lazy, written: list[Path]) -> LayerNote:
    if note.kind == "labels" and isinstance(pixels, np.ndarray):
        pixels = np.array(pixels)
    checksum = digest(pixels)
    # a name of its own for each content: what the former project names is never written over
    name = f"{file_name(note.name)[:80]}-{checksum[:12]}.tif"
    stored = note.model_copy(
        update={
            "file": None,
            "stored": name,
            "digest": checksum,
            "shape": tuple(pixels.shape),
            "dtype": np.dtype(pixels.dtype).name,
        }
    )
    if not _is_there(folder, stored):
        written.append(folder / name)
        _write(folder / name, stored, pixels)
    return stored


def _is_there(folder: Path, note: LayerNote) -> bool:
    """Whether pixels are stored already, and have not been changed by others."""
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
    write_stack(path, Stack(pixels, axes, np.dtype(pixels.dtype).newbyteorder("=")), image)


def _holds(note: LayerNote) -> bool:
    """Whether the file of a layer is there and, as far as that can be told, is what the layer shows."""
    assert note.file is not None
    path = Path(note.file.path)
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return path.exists()
    try:
        size = int(np.prod(open_image(path).data.shape))
    except UserError:
        # some other reader knows it
        return True
    # less, where it is one channel or one file of several
    return size == int(np.prod(note.shape))


def _reference(folder: Path, file: FileNote) -> FileNote:
    path = Path(file.path).resolve()
    size = path.stat().st_size if path.is_file() else None
    return file.model_copy(update={"path": str(path), "near": _near(folder, path), "size": size})


def _model(folder: Path, model: str) -> dict[str, str]:
    """Return what is noted of a U-Net; a name in the library stays one."""
    path = Path(model).expanduser()
    if not names_file(model) or not path.exists():
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
