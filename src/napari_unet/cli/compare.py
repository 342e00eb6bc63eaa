"""`napari-unet compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.driving import explained, run
from napari_unet.cli.settings import as_channel
from napari_unet.cli.training import Axes, Device, Precision
from napari_unet.services.segmentation.options import SegmentOptions


def compare(
    image: Annotated[Path, typer.Argument(help="TIFF file.")],
    before: Annotated[str, typer.Option(help="The older model, as for 'segment'.")],
    now: Annotated[str, typer.Option(help="The newer one.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Labels of where they differ: 1 only the older found something, 2 only the newer, 3 "
            "both, but another class or object.",
        ),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Channel for each input, by number or name.")
    ] = None,
    axes: Axes = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = "auto",
    precision: Annotated[Precision, typer.Option(help="Of the numbers computed with.")] = "auto",
    overwrite: Annotated[bool, typer.Option(help="Replace an existing output.")] = False,
) -> None:
    """Segment an image with two models, and say where the results differ."""
    from napari_unet.services.evaluation.compare import compare as compared
    from napari_unet.services.files.images import open_image
    from napari_unet.services.files.save import check_output, save_labels
    from napari_unet.services.library import Library

    with explained():
        if output is not None:
            check_output(output, overwrite)
        opened = open_image(image, axes)
        models = [run(Library().load(text), "Loading") for text in (before, now)]
        options = SegmentOptions(
            channels=tuple(as_channel(c) for c in channel) if channel else None,
            device=device,
            precision=precision,
        )
        found = run(compared(opened, models[0], models[1], options), "Comparing")
        if output is not None:
            save_labels(output, found.labels, opened, overwrite=overwrite)
        typer.echo(found)
