"""`napari-unet made-by`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.driving import as_typed, explained
from napari_unet.core.errors import UserError


def made_by(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A TIFF, CSV, ROI archive, GeoJSON, JSON or model."),
    ],
) -> None:
    """Say what made a file, and print the command that makes it again."""
    from napari_unet.services.commands.made_by import command_again, describe

    with explained():
        for line in describe(file):
            typer.echo(line, err=True)
        try:
            typer.echo(command_again(file))
        except UserError as error:
            typer.echo(as_typed(error), err=True)
