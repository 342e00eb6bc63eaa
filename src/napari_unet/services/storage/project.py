"""The project file: layers and where their pixels are, the U-Net, and the settings.

A project is a folder with this file, ``project.json``, and TIFF files with the pixels that are in no
other file. Images that come from files are referred to, not copied.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from napari_unet.core.errors import UserError
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.options import FinetuneOptions

SUFFIX = ".unetproject"
FILE = "project.json"
VERSION = 1

REMEDY = "Choose a folder that “Save project” wrote; its name ends in .unetproject."


class FileNote(BaseModel):
    """A file that a project refers to.

    Attributes
    ----------
    path
        Its path when the project was saved.
    near
        The same relative to the project's folder, with forward slashes; empty on another drive.
    size
        In bytes; None for a folder.
    reader
        The viewer's reader plugin that opened it.
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
        The identifier by which other layers refer to it in their metadata.
    kind, name
        Type and name of the layer.
    shape, dtype
        Of its pixels.
    file
        The file with its pixels, if it is not the project's own.
    stored, digest
        The project's own TIFF file with its pixels, and their checksum.
    look, metadata
        Scale, colours and whatever else a viewer needs.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Literal["image", "labels", "shapes"]
    name: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    file: FileNote | None = None
    # a name, not a path: a project from elsewhere must not refer to files outside its folder
    stored: str = Field("", pattern=r"^([^/\\:]+\.tif)?$")
    digest: str = ""
    look: dict[str, JsonValue] = {}
    metadata: dict[str, JsonValue] = {}


class Project(BaseModel):
    """Everything that is saved.

    Attributes
    ----------
    version
        Version of the format.
    layers
        The layers, from bottom to top.
    model
        The current U-Net: a name in the library, or a path; empty: none.
    model_near
        That path relative to the project's folder; empty for a name.
    segment, finetune
        The settings of the panels with these names.
    ignored
        Settings in the file that this version does not know, such as ``segment.tile``; not saved.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    layers: tuple[LayerNote, ...] = ()
    model: str = ""
    model_near: str = ""
    segment: SegmentOptions | None = None
    finetune: FinetuneOptions | None = None
    ignored: tuple[str, ...] = Field((), exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_unknown(cls, values: Any) -> Any:
        """Leave out settings of another version: they are no reason to refuse a project."""
        if not isinstance(values, dict):
            return values
        known, ignored = dict(values), list[str]()
        for name, declared in (("segment", SegmentOptions), ("finetune", FinetuneOptions)):
            settings = known.get(name)
            if isinstance(settings, dict):
                known[name] = {k: v for k, v in settings.items() if k in declared.model_fields}
                ignored += [f"{name}.{k}" for k in settings if k not in declared.model_fields]
        return {**known, "ignored": ignored} if ignored else known


def read_project(path: str | Path) -> Project:
    """Read a project.

    Parameters
    ----------
    path
        Its folder, or the project file in it.

    Raises
    ------
    UserError
        When it is not a project, is damaged, or was saved by a later version.
    """
    path = Path(path)
    file = project_folder(path) / FILE
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path.name} is not a project",
            value=error.strerror or error,
            rule=f"A project is a folder with a file {FILE}.",
            remedy=REMEDY,
        ) from error
    try:
        version = json.loads(content)["version"]
        if isinstance(version, int) and version > VERSION:
            raise UserError(
                f"{file.parent.name} was saved by a later version of U-Net Studio",
                value=f"version {version}",
                rule=f"This version opens projects up to version {VERSION}.",
                remedy="Update U-Net Studio to open it.",
            )
        return Project.model_validate_json(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{file.parent.name} can't be opened",
            value=_first_fault(error),
            rule=f"{FILE} is written by U-Net Studio and must not be edited.",
            remedy="Restore it from a backup. The TIFF files in the project's folder hold your "
            "annotations, and can be opened by themselves.",
        ) from error


def project_folder(path: Path) -> Path:
    """Return the folder of a project, given that folder or the project file in it."""
    return path.parent if path.name == FILE else path


def find_file(folder: str | Path, note: LayerNote) -> Path:
    """Find the file of a layer: at its old place relative to the project, beside it, or at its old path.

    Raises
    ------
    UserError
        When it is in none of these places.
    """
    assert note.file is not None
    folder = Path(folder)
    places = candidates(folder, note.file.path, note.file.near)
    existing = [place for place in places if place.exists()]
    if not existing:
        raise UserError(
            f"The image “{note.name}” is missing",
            value=f"nothing at {note.file.path}",
            rule="A project refers to images that come from files; it does not copy them.",
            remedy=f"Put {places[-1].name} back there, or into the folder {folder.parent}, and open the "
            "project again. Your annotations are safe.",
        )
    # of several, one of the same size
    same_size = [place for place in existing if _size(place) == note.file.size]
    return (same_size or existing)[0]


def find_model(folder: Path, project: Project) -> str:
    """Return the name or path by which the library loads the U-Net of a project."""
    if not project.model_near:
        return project.model
    places = candidates(folder, project.model, project.model_near)
    return str(next((place for place in places if place.exists()), project.model))


def candidates(folder: Path, path: str, near: str) -> list[Path]:
    """Return where a file may be, the most likely place first."""
    # a path that was saved on another system may have other separators
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return [*([(folder / near).resolve()] if near else []), folder.parent / name, Path(path)]


def check_unchanged(note: LayerNote, shape: tuple[int, ...], dtype: str) -> None:
    """Raise a `UserError` unless pixels have the shape and type they had when saved."""
    if (shape, dtype) != (note.shape, note.dtype):
        raise UserError(
            f"The file of “{note.name}” now holds another image",
            value=f"{_in_words(shape)}, {dtype}",
            rule=f"When the project was saved, it was {_in_words(note.shape)}, {note.dtype}.",
            remedy="Put the original file in its place, and open the project again. Your annotations "
            "are safe.",
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
