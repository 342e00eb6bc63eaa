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
        Where it is, and what it says.
    pixels
        Of the layers that could be read, by their id: what a reader gives, and the file.
    digests
        Checksums of stored labels, by their id.
    problems
        Why others could not be read, by their id.
    """

    folder: Path
    project: Project
    pixels: dict[str, tuple[project_layers.Source | None, Path | None]] = field(
        default_factory=dict
    )
    digests: dict[str, str] = field(default_factory=dict)
    problems: dict[str, UserError] = field(default_factory=dict)


def reading(path: Path) -> Job[Opened]:
    """Read a project, beside the window; what can't be read of it is among the problems.

    Raises
    ------
    UserError
        When it is no project, or can't be used at all.
    """
    from napari_unet.services.storage.project import project_folder, read_project

    project = read_project(path)
    found = Opened(project_folder(path).resolve(), project)
    read: dict[Path, list[project_layers.Source]] = {}
    for n, note in enumerate(project.layers):
        yield Progress(n, len(project.layers), f"Opening {note.name}")
        try:
            found.pixels[note.id] = _pixels(found, note, read)
        except UserError as error:
            found.problems[note.id] = error
    return found


def _pixels(
    found: Opened, note: LayerNote, read: dict[Path, list[project_layers.Source]]
) -> tuple[project_layers.Source | None, Path | None]:
    from napari_unet.services.storage.project import find_file
    from napari_unet.services.storage.project_files import digest, open_layer

    if note.file is not None:
        path = find_file(found.folder, note)
        if path not in read:
            read[path] = project_layers.read(path, note.file.reader)
        return project_layers.pick(read[path], note), path
    if not note.stored:
        return None, None
    data = np.asarray(open_layer(found.folder, note).data[...])
    if note.kind == "labels":
        found.digests[note.id] = digest(data)
    return (data, {}, note.kind), None


def layers_of(found: Opened) -> dict[str, Layer]:
    """Return the layers by their id, in order; what can't be made is added to the problems."""
    made = {}
    for note in found.project.layers:
        if note.id not in found.pixels:
            continue
        try:
            made[note.id] = project_layers.layer_from(note, *found.pixels[note.id])
        except Exception as error:  # noqa: BLE001 - a viewer's complaint about what a file says
            found.problems[note.id] = UserError(
                f"“{note.name}” can't be shown as it was",
                value=error,
                rule="A project holds what a layer looked like, and is not changed by others.",
                remedy="Its pixels can be opened by themselves from the project's folder.",
            )
    project_layers.rename(made)
    return made
