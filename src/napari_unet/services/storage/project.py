"""What a project file says: the layers and where their pixels are, the U-Net, and what is set.

A project is a folder with this file, ``project.json``, and beside it the pixels that lie in no file of
their own, as TIFF. Images that come from files are named, not copied.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from napari_unet.core.errors import UserError
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.options import FinetuneOptions

SUFFIX = ".unetproject"
FILE = "project.json"
VERSION = 1

REMEDY = "Choose a folder that “Save project” has written; its name ends in .unetproject."


class FileNote(BaseModel):
    """A file that a project names.

    Attributes
    ----------
    path
        Where it was.
    near
        Where it was from the project's folder, with forward slashes; empty on another disk.
    size
        In bytes; None of a folder.
    reader
        The reader plugin of the viewer that opened it.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    near: str = ""
    size: int | None = None
    reader: str = ""


class LayerNote(BaseModel):
    """A layer, without its pixels.

    Attributes
    ----------
    id
        By which other layers name it in their metadata.
    kind, name
        What it is, and what it is called.
    shape, dtype
        Of its pixels.
    file
        Where they are, if they are in a file that is not the project's.
    stored, digest
        The project's own TIFF file with them, and their checksum.
    look, metadata
        Scale, colours and whatever else a viewer has to know.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Literal["image", "labels", "shapes"]
    name: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    file: FileNote | None = None
    # a name, not a path: a project from elsewhere must not reach out of its folder
    stored: str = Field("", pattern=r"^([^/\\:]+\.tif)?$")
    digest: str = ""
    look: dict[str, JsonValue] = {}
    metadata: dict[str, JsonValue] = {}


class Project(BaseModel):
    """All that is saved; layers from the lowest to the topmost.

    Attributes
    ----------
    version
        Of the file's form.
    layers
        The layers.
    model
        The current U-Net: a name in the library, or a path; empty: none.
    model_near
        That path from the project's folder; empty of a name.
    segment, finetune
        What is set in the forms of that name.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    layers: tuple[LayerNote, ...] = ()
    model: str = ""
    model_near: str = ""
    segment: SegmentOptions | None = None
    finetune: FinetuneOptions | None = None


def read_project(path: str | Path) -> Project:
    """Read what a project says.

    Parameters
    ----------
    path
        Its folder, or the file in it.

    Raises
    ------
    UserError
        When it is none, is damaged, or was written by a later version.
    """
    path = Path(path)
    file = project_folder(path) / FILE
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path.name} is not a project",
            value=error.strerror or error,
            rule=f"A project is a folder that holds a file {FILE}.",
            remedy=REMEDY,
        ) from error
    try:
        version = json.loads(content)["version"]
        if isinstance(version, int) and version > VERSION:
            raise UserError(
                f"{file.parent.name} was saved by a later version of U-Net Studio",
                value=f"version {version}",
                rule=f"This one opens projects up to version {VERSION}.",
                remedy="Update U-Net Studio to open it.",
            )
        return Project.model_validate_json(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{file.parent.name} can't be opened",
            value=_first_fault(error),
            rule=f"{FILE} is written by U-Net Studio and not changed by others.",
            remedy="Take a copy from a backup. The TIFF files in the project's folder hold what was "
            "painted, and can be opened by themselves.",
        ) from error


def project_folder(path: Path) -> Path:
    """Return the folder of a project, named by it or by the file in it."""
    return path.parent if path.name == FILE else path


def find_file(folder: str | Path, note: LayerNote) -> Path:
    """Return where the file of a layer is now: where it was from the project, beside it, or was at all.

    Raises
    ------
    UserError
        When it is in none of these places.
    """
    assert note.file is not None
    folder = Path(folder)
    places = candidates(folder, note.file.path, note.file.near)
    found = [place for place in places if place.exists()]
    if not found:
        raise UserError(
            f"The image “{note.name}” is missing",
            value=f"nothing at {note.file.path}",
            rule="A project names images that come from files, and does not copy them.",
            remedy=f"Put {places[-1].name} back there, or into the folder {folder.parent}, and open the "
            "project again. What was painted on it is here.",
        )
    # of several, the one that is as it was
    same = [place for place in found if _size(place) == note.file.size]
    return (same or found)[0]


def find_model(folder: Path, project: Project) -> str:
    """Return the U-Net of a project as a library loads it."""
    if not project.model_near:
        return project.model
    places = candidates(folder, project.model, project.model_near)
    return str(next((place for place in places if place.exists()), project.model))


def candidates(folder: Path, path: str, near: str) -> list[Path]:
    """Return where a file may be, the likeliest first."""
    # written on another system, a path may have its separators
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return [*([(folder / near).resolve()] if near else []), folder.parent / name, Path(path)]


def check_unchanged(note: LayerNote, shape: tuple[int, ...], dtype: str) -> None:
    """Raise a `UserError` unless pixels are of the shape and type they had when saved."""
    if (shape, dtype) != (note.shape, note.dtype):
        raise UserError(
            f"The file of “{note.name}” holds another image than it did",
            value=f"{_in_words(shape)}, {dtype}",
            rule=f"When the project was saved, it was {_in_words(note.shape)}, {note.dtype}.",
            remedy="Put the former file in its place, and open the project again. What was painted on "
            "it is here.",
        )


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _in_words(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) + " pixels"


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return str(error) or type(error).__name__
