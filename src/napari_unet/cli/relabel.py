"""`napari-unet relabel`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, Overwrite
from napari_unet.cli.driving import explained, run
from napari_unet.cli.options import options_from, with_options
from napari_unet.services.segmentation.options import SegmentOptions


@with_options(SegmentOptions, only=("threshold", "objects", "separation", "smallest", "fill_holes"))
def relabel(
    probabilities: Annotated[
        Path, typer.Argument(help="TIFF file that 'segment --probabilities' wrote.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="A TIFF file for the labels.")],
    model: Annotated[
        str, typer.Option(help="The model that wrote them; the network itself is not run.")
    ],
    axes: Axes = None,
    overwrite: Overwrite = False,
    **settings: Any,
) -> None:
    """Make labels from saved probabilities with other settings, without running the network."""
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.relabel_file import relabel_file

    with explained():
        options = options_from(SegmentOptions, settings)
        spec = run(Library().load(model), "Loading").spec
        job = relabel_file(
            probabilities, output, spec, options, axes=axes, overwrite=overwrite, model_source=model
        )
        highest = run(job, "Labelling")
        typer.echo(f"labels up to {highest}: {output}")
