"""`napari-unet segment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, ModelName, Overwrite
from napari_unet.cli.driving import as_typed, explained, run
from napari_unet.cli.options import options_from, with_options
from napari_unet.core.errors import UserError
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.services.blocks.run import BlockResult
    from napari_unet.services.segmentation.batch import Existing, Outcome

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT…",
        help="Image files (TIFF, PNG, JPEG, CZI …), folders or patterns like '*.tif'.",
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="PATH", help="A TIFF file for one image, a folder for several."
    ),
]
Probabilities = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Also write probabilities here: a TIFF file, or a folder for several images.",
    ),
]
Uncertainty = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Also write here how uncertain the network is, from 0 to 1; likewise."
    ),
]
Series = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        help="Which image to take of files that hold several, from 0. Without: all of them.",
    ),
]
Rois = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Also write objects as ROIs of ImageJ: a .zip, or a folder."),
]
Geojson = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Also write objects for QuPath: a .geojson, or a folder."),
]
Table = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Also write measurements: a .csv, or a folder."),
]
VoxelSize = Annotated[
    str | None,
    typer.Option(
        metavar="SIZES",
        help="Voxel size in µm, whatever the files state: one number, or one an axis such as 2,0.5,0.5.",
    ),
]
ByBlocks = Annotated[
    bool,
    typer.Option(
        "--by-blocks",
        help="Compute block by block, for images larger than memory: the same labels, and a run that "
        "was stopped goes on where it was.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE", help="By blocks, on several processes: local:N on this computer."
    ),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out images that have a result already.")
]


@with_options(SegmentOptions, without=("probabilities", "uncertainty"))
def segment(
    inputs: Inputs,
    output: Output,
    model: ModelName,
    axes: Axes = None,
    series: Series = None,
    voxel_size: VoxelSize = None,
    probabilities: Probabilities = None,
    uncertainty: Uncertainty = None,
    rois: Rois = None,
    geojson: Geojson = None,
    table: Table = None,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    by_blocks: ByBlocks = False,
    cluster: Cluster = None,
    **settings: Any,
) -> None:
    """Segment images and write label images."""
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.batch import segment_files
    from napari_unet.services.segmentation.tasks import make_tasks

    with explained():
        existing = _existing(overwrite, skip_existing)
        options = options_from(SegmentOptions, settings)
        into_folder = any(Path(given).is_dir() for given in inputs)
        tasks = make_tasks(
            _images(inputs),
            output,
            probabilities,
            uncertainty,
            into_folder=into_folder,
            series=series,
            exports=(rois, geojson, table),
        )
        network = run(Library().load(model), "Loading")
        if by_blocks or cluster:
            from napari_unet.services.blocks.files import segment_files_by_blocks

            blocks = segment_files_by_blocks(
                tasks,
                network,
                options,
                cluster=cluster,
                axes=axes,
                voxel_size=voxel_size,
                overwrite=overwrite,
                model_source=model,
            )
            _report_blocks(run(blocks, "Segmenting"))
            return
        job = segment_files(
            tasks,
            network,
            options,
            axes=axes,
            voxel_size=voxel_size,
            existing=existing,
            model_source=model,
        )
        outcomes = run(job, "Segmenting")
    _report(outcomes)


def _images(inputs: Sequence[str]) -> list[Path]:
    """Find the images, and say which files are left out as labels of others."""
    from napari_unet.services.files.images import find_images
    from napari_unet.services.files.names import labels_apart

    images, labels = labels_apart(find_images(inputs))
    if labels:
        names = ", ".join(path.name for path in labels)
        typer.echo(f"Left out, as labels of the others: {names}", err=True)
    return images


def _existing(overwrite: bool, skip: bool) -> Existing:
    if overwrite and skip:
        raise UserError(
            "Existing results can't be both replaced and skipped",
            value="--overwrite and --skip-existing",
            rule="An image that has a result is either segmented again or left out.",
            remedy="Give one of the two.",
        )
    return "skip" if skip else "replace" if overwrite else "refuse"


def _report_blocks(results: Sequence[BlockResult]) -> None:
    for result in results:
        for note in result.notes:
            typer.echo(f"{result.path.name}: {as_typed(note)}", err=True)
        typer.echo(result.path)


def _report(outcomes: Sequence[Outcome]) -> None:
    """Print what was written, and on stderr what failed; leave with status 1 if anything did."""
    from napari_unet.services.segmentation.batch import summary

    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        typer.echo(f"{outcome.task.source}: {as_typed(outcome.error)}", err=True)
    for outcome in outcomes:
        for note in outcome.notes:
            typer.echo(f"{outcome.task.title}: {as_typed(note)}", err=True)
        if not outcome.error:
            typer.echo(outcome.task.labels)
    if failed or any(outcome.skipped for outcome in outcomes):
        typer.echo(summary(outcomes), err=True)
    if failed:
        raise typer.Exit(1)
