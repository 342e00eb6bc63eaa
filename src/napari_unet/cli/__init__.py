"""The command line: what the widgets do, for scripts and for machines without a screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.blocks import blocks, plan
from napari_unet.cli.check import check
from napari_unet.cli.compare import compare
from napari_unet.cli.doubt import doubt
from napari_unet.cli.driving import explained, run
from napari_unet.cli.evaluate import evaluate
from napari_unet.cli.made_by import made_by
from napari_unet.cli.measure import measure
from napari_unet.cli.models import models
from napari_unet.cli.project import project
from napari_unet.cli.relabel import relabel
from napari_unet.cli.segment import segment
from napari_unet.cli.track import track
from napari_unet.cli.training.finetune import finetune
from napari_unet.services.system.threads import wait_without_spinning
from napari_unet.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Segment microscopy images with a U-Net, and train it on your annotations.",
)
app.command()(segment)
app.command()(plan)
app.command()(blocks)
app.command()(relabel)
app.command()(check)
app.command()(finetune)
app.command()(evaluate)
app.command()(compare)
app.command()(measure)
app.command()(track)
app.command()(doubt)
app.command()(made_by)
app.command()(project)
app.add_typer(models, name="models")


def main() -> None:
    """Run the command line."""
    wait_without_spinning()
    app()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"napari-unet-studio {__version__}")
        raise typer.Exit


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the results without a screen.")
    ] = Path("demo-output"),
    headless: Annotated[
        bool, typer.Option(help="Don't open napari, even if a screen is available.")
    ] = False,
) -> None:
    """Segment the bundled sample: in napari, or without a screen into files."""
    from napari_unet.services.demo import run_demo
    from napari_unet.services.system.viewer import can_open_viewer, viewer_hint

    if not headless and can_open_viewer():
        # a process of its own: the command line itself stays free of Qt
        viewer = subprocess.run([sys.executable, "-m", "napari_unet.gui.studio.demo"], check=False)
        raise typer.Exit(viewer.returncode)
    with explained():
        result = run(run_demo(output), "Segmenting the sample")
        typer.echo(f"{result.nuclei} nuclei found in the sample.")
        typer.echo(f"Labels:  {result.labels}\nPicture: {result.picture}")
    if hint := viewer_hint():
        typer.echo(hint, err=True)


@app.command()
def doctor() -> None:
    """Say what works on this computer, what is missing and what to install."""
    from napari_unet.services.system.doctor import examine

    marks = {True: "ok  ", False: "FAIL", None: "note"}
    broken = False
    for finding in examine():
        broken |= finding.ok is False
        typer.echo(f"{marks[finding.ok]}  {finding.title}: {finding.detail}")
        if finding.advice:
            typer.echo(f"      -> {finding.advice}")
    if broken:
        raise typer.Exit(1)
