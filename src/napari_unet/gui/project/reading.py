"""A project read from the disk, and the layers made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress
from napari_unet.gui.project import layers as project_layers

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer

    from napari_unet.core.progress import Job
    from napari_unet.services.storage.project import LayerNote, Project


@dataclass
class Opened:
    """A project that was read.

    Attributes
    ----------
    folder, project
        Its folder and contents.
    pixels
        The layers that could be read, by their id: what the reader gives, and the file.
    digests
        Checksums of stored labels, by the id of their layer.
    problems
        Why other layers could not be read, by their id.
    """

    folder: Path
    project: Project
    pixels: dict[str, tuple[project_layers.Source | None, Path | None]] = field(
        default_factory=dict
    )
    digests: dict[str, str] = field(default_factory=dict)
    problems: dict[str, UserError] = field(default_factory=dict)


def reading(path: Path) -> Job[Opened]:
    """Read a project, in a thread; layers that can't be read are among the problems.

    Raises
    ------
    UserError
        When it is not a project, or can't be used at all.
    """
    from napari_unet.services.storage.project import project_folder, read_project

    project = read_project(path)
    opened = Opened(project_folder(path).resolve(), project)
    read: dict[Path, list[project_layers.Source]] = {}
    for n, note in enumerate(project.layers):
        yield Progress(n, len(project.layers), f"Opening {note.name}")
        try:
            opened.pixels[note.id] = _pixels(opened, note, read)
        except UserError as error:
            opened.problems[note.id] = error
    return opened


def _pixels(
    opened: Opened, note: LayerNote, read: dict[Path, list[project_layers.Source]]
) -> tuple[project_layers.Source | None, Path | None]:
    from napari_unet.services.storage.project import find_file
    from napari_unet.services.storage.project_files import digest, open_layer

    if note.file is not None:
        path = find_file(opened.folder, note)
        if path not in read:
            read[path] = project_layers.read(path, note.file.reader)
        return project_layers.pick(read[path], note), path
    if not note.stored:
        return None, None
    data = np.asarray(open_layer(opened.folder, note).data[...])
    if note.kind == "labels":
        opened.digests[note.id] = digest(data)
    return (data, {}, note.kind), None


def layers_of(opened: Opened) -> dict[str, Layer]:
    """Return the layers by their id, in order; those that can't be made are added to the problems."""
    made = {}
    for note in opened.project.layers:
        if note.id not in opened.pixels:
            continue
        try:
            made[note.id] = project_layers.layer_from(note, *opened.pixels[note.id])
        except Exception as error:  # noqa: BLE001 - napari may refuse what the file says
            opened.problems[note.id] = UserError(
                f"“{note.name}” can't be shown as it was",
                value=error,
                rule="A project describes each layer; its files must not be edited.",
                remedy="The pixels can be opened by themselves from the folder of the project.",
            )
    project_layers.rename(made)
    return made
