"""`napari-unet project`: what is in a project, and whether anything is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli.driving import explained, print_table
from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from napari_unet.services.storage.project import LayerNote


def project(
    path: Annotated[Path, typer.Argument(help="The project's folder.")],
) -> None:
    """List the layers of a project and where their pixels are; fails if any are missing."""
    from napari_unet.services.storage.project import project_folder, read_project

    with explained():
        content = read_project(path)
    rows = [("LAYER", "KIND", "SHAPE", "WHERE")]
    missing = False
    for note in content.layers:
        where, exists = _where(project_folder(path), note)
        missing |= not exists
        rows.append((note.name, note.kind, " x ".join(map(str, note.shape)), where))
    print_table(rows)
    typer.echo(f"\nU-Net: {content.model or 'none'}")
    if missing:
        raise typer.Exit(1)


def _where(folder: Path, note: LayerNote) -> tuple[str, bool]:
    """Return where the pixels of a layer are, and whether they exist."""
    from napari_unet.services.storage.project import find_file

    if note.file is None:
        exists = not note.stored or (folder / note.stored).is_file()
        return f"{note.stored or 'in the project'}{'' if exists else ' (MISSING)'}", exists
    try:
        return str(find_file(folder, note)), True
    except UserError:
        return f"{note.file.path} (MISSING)", False
