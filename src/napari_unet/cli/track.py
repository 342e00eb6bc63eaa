"""`napari-unet track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, Overwrite
from napari_unet.cli.driving import explained, run
from napari_unet.cli.options import options_from, with_options
from napari_unet.core.tracking.options import TrackingOptions


@with_options(TrackingOptions)
def track(
    labels: Annotated[Path, typer.Argument(help="Labels of objects with a time axis.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="TIFF or OME-Zarr: the same number through time."),
    ],
    table: Annotated[
        Path | None, typer.Option(help="Also write a table over time to this CSV file.")
    ] = None,
    challenge: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write masks and res_track.txt, as the Cell Tracking Challenge takes them.",
        ),
    ] = None,
    axes: Axes = None,
    overwrite: Overwrite = False,
    **settings: Any,
) -> None:
    """Follow objects through time: the same number in every frame, and divisions."""
    from napari_unet.services.tracking.track_file import TrackOutputs, track_file

    with explained():
        options = options_from(TrackingOptions, settings)
        outputs = TrackOutputs(output, table, challenge)
        job = track_file(labels, outputs, options, axes=axes, overwrite=overwrite)
        tracks = run(job, "Tracking")
        typer.echo(
            f"{tracks.count} tracks, {tracks.divisions} divisions in {tracks.n_frames} frames: {output}"
        )
