"""`napari-unet measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.driving import explained, run
from napari_unet.cli.training import Axes, Labels


def measure(
    image: Annotated[
        list[str],
        typer.Option(
            "--image", "--images", help="TIFF file, folder or pattern; give it again for more."
        ),
    ],
    labels: Labels,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The table, a CSV file; one for all images.")
    ],
    axes: Axes = None,
    planes: Annotated[
        bool,
        typer.Option(
            "--planes", help="Objects lie in single planes, as those of a 2-D model in a Z stack."
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing table.")] = False,
) -> None:
    """Measure objects: size, place, and intensity in each channel, in the image's unit."""
    from napari_unet.services.evaluation.measure import (
        check_table,
        measure_all,
        read_labelled,
        save_table,
    )

    with explained():
        check_table(output, overwrite)
        labelled = read_labelled(image, labels, axes=axes)
        columns = run(measure_all(labelled, spatial="YX" if planes else ""), "Measuring")
        save_table(columns, output, overwrite=overwrite)
        typer.echo(f"{len(columns['label'])} objects: {output}")
