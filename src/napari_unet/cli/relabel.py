"""`napari-unet relabel`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.driving import explained, run
from napari_unet.cli.settings import FillHoles, Separation, Smallest, Threshold, help_of
from napari_unet.cli.training import Axes
from napari_unet.services.segmentation.options import SegmentOptions


def relabel(
    probabilities: Annotated[
        Path, typer.Argument(help="TIFF file that 'segment --probabilities' wrote.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="A TIFF file for the labels.")],
    model: Annotated[
        str, typer.Option(help="The model that it was written with; the network is not run.")
    ],
    axes: Axes = None,
    threshold: Threshold = None,
    objects: Annotated[bool | None, typer.Option(help=help_of("objects"))] = None,
    separation: Separation = None,
    smallest: Smallest = None,
    fill_holes: FillHoles = True,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Find labels again with other settings in probabilities written before, without the network."""
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.relabel_file import relabel_file

    with explained():
        options = SegmentOptions(
            threshold=threshold,
            objects=objects,
            separation=separation,
            smallest=smallest,
            fill_holes=fill_holes,
        )
        spec = run(Library().load(model), "Loading").spec
        job = relabel_file(probabilities, output, spec, options, axes=axes, overwrite=overwrite)
        highest = run(job, "Labelling")
        typer.echo(f"labels up to {highest}: {output}")
