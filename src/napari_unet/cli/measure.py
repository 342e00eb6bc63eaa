"""`napari-unet measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.arguments import Axes, InOrder, Labels, Overwrite
from napari_unet.cli.driving import explained, paired, run


def measure(
    image: Annotated[
        list[str],
        typer.Option(
            "--image", "--images", help="TIFF file, folder or pattern; give it again for more."
        ),
    ],
    labels: Labels,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The table, one CSV file for all images.")
    ],
    axes: Axes = None,
    planes: Annotated[
        bool,
        typer.Option(
            "--planes",
            help="Measure plane by plane, as for the objects of a 2-D model in a Z stack.",
        ),
    ] = False,
    in_order: InOrder = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure objects: size, position, and intensity in each channel, in the image's unit."""
    from napari_unet.services.evaluation.measure import (
        check_table,
        measure_all,
        read_labelled,
        save_table,
        table_record,
    )

    with explained():
        check_table(output, overwrite)
        files = paired(image, labels, in_order)
        labelled = read_labelled(files, axes=axes)
        columns = run(measure_all(labelled, spatial="YX" if planes else ""), "Measuring")
        record = table_record(files, axes, planes)
        save_table(columns, output, overwrite=overwrite, made_by=record)
        typer.echo(f"{len(columns['label'])} objects: {output}")
