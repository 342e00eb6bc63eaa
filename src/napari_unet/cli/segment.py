"""`napari-unet segment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_unet.cli.driving import explained, run
from napari_unet.cli.settings import (
    FillHoles,
    NormalizationOption,
    Separation,
    Smallest,
    Threshold,
    Tile,
    as_channel,
    as_tile,
    help_of,
)
from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.services.segmentation.options import SegmentOptions


def segment(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT…", help="TIFF files, folders or patterns like '*.tif'."),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="A TIFF file for one image, a folder for several."),
    ],
    model: Annotated[
        str, typer.Option(help="Name in the library, model file, or foreign weights or package.")
    ],
    axes: Annotated[
        str | None, typer.Option(help="Axes such as TZCYX, if those of the file are wrong.")
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Channel for each input of the model, by number from 0 or by name."),
    ] = None,
    normalization: NormalizationOption = None,
    rescale: Annotated[bool, typer.Option(help=help_of("rescale"))] = True,
    pixel_size: Annotated[float | None, typer.Option(help=help_of("pixel_size"))] = None,
    threshold: Threshold = None,
    objects: Annotated[bool | None, typer.Option(help=help_of("objects"))] = None,
    separation: Separation = None,
    smallest: Smallest = None,
    fill_holes: FillHoles = True,
    probabilities: Annotated[
        Path | None,
        typer.Option(help="Also write probabilities here: a TIFF, or a folder for several images."),
    ] = None,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            help="Also write here how unsure the network is, from 0 to 1: a TIFF, or a folder."
        ),
    ] = None,
    mirror: Annotated[bool, typer.Option(help=help_of("mirror"))] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], typer.Option(help=help_of("device"))
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help=help_of("precision"))
    ] = "auto",
    tile: Tile = "auto",
    memory: Annotated[float | None, typer.Option(help=help_of("memory"))] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace existing outputs.")] = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Leave out images that have a result already."),
    ] = False,
) -> None:
    """Segment images and write label images."""
    from napari_unet.services.files.images import find_images
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.batch import Existing, make_tasks, segment_files, told

    with explained():
        if overwrite and skip_existing:
            raise UserError(
                "Existing results can't be both replaced and skipped",
                value="--overwrite and --skip-existing",
                rule="An image that has a result is done again, or left out.",
                remedy="Give one of the two.",
            )
        options = SegmentOptions(
            channels=tuple(as_channel(c) for c in channel) if channel else None,
            normalization=Normalization(kind=normalization) if normalization else None,
            rescale=rescale,
            pixel_size=pixel_size,
            threshold=threshold,
            objects=objects,
            separation=separation,
            smallest=smallest,
            fill_holes=fill_holes,
            mirror=mirror,
            device=device,
            precision=precision,
            tile=as_tile(tile),
            memory=memory,
        )
        into_folder = any(Path(given).is_dir() for given in inputs)
        tasks = make_tasks(
            find_images(inputs), output, probabilities, uncertainty, into_folder=into_folder
        )
        network = run(Library().load(model), "Loading")
        existing: Existing = "skip" if skip_existing else "replace" if overwrite else "refuse"
        job = segment_files(tasks, network, options, axes=axes, existing=existing)
        outcomes = run(job, "Segmenting")
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        typer.echo(f"{outcome.task.source}: {outcome.error}", err=True)
    for outcome in outcomes:
        if not outcome.error:
            typer.echo(outcome.task.labels)
    if failed or any(outcome.skipped for outcome in outcomes):
        typer.echo(told(outcomes), err=True)
    if failed:
        raise typer.Exit(1)
