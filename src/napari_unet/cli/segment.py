"""`napari-unet segment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, Level, ModelName, Overwrite
from napari_unet.cli.driving import as_typed, explained, run
from napari_unet.cli.options import options_from, with_options
from napari_unet.core.errors import UserError
from napari_unet.services.blocks.job import BlockOptions
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import Model
    from napari_unet.services.segmentation.batch import Existing, Outcome
    from napari_unet.services.segmentation.tasks import Task

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
        metavar="ENGINE",
        help="By blocks, on several processes: local:N of this computer, the dask scheduler at "
        "dask://HOST:PORT, slurm:N jobs, or an array:N of jobs that run 'napari-unet blocks'.",
    ),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out images that have a result already.")
]


@with_options(BlockOptions)
@with_options(SegmentOptions, without=("probabilities", "uncertainty"))
def segment(
    inputs: Inputs,
    output: Output,
    model: ModelName,
    axes: Axes = None,
    series: Series = None,
    level: Level = None,
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

    with explained():
        existing = _existing(overwrite, skip_existing)
        options = options_from(SegmentOptions, settings)
        others = {"series": series, "exports": (rois, geojson, table)}
        tasks = _tasks(inputs, output, probabilities, uncertainty, **others)
        network = run(Library().load(model), "Loading")
        reading: dict[str, Any] = {
            "axes": axes,
            "voxel_size": voxel_size,
            "level": level,
            "existing": existing,
            "model_source": model,
        }
        if by_blocks or cluster:
            cutting = options_from(BlockOptions, settings)
            _segment_by_blocks(tasks, network, options, cutting, cluster=cluster, **reading)
            return
        job = segment_files(tasks, network, options, **reading)
        outcomes = run(job, "Segmenting")
    _report(outcomes)


def _tasks(inputs: Sequence[str], labels: Path, *maps: Path | None, **others: Any) -> list[Task]:
    """Return what is to be read and written."""
    from napari_unet.services.omezarr.store import is_zarr
    from napari_unet.services.segmentation.tasks import make_tasks

    # an OME-Zarr is a folder, but one image
    into_folder = any(Path(given).is_dir() and not is_zarr(given) for given in inputs)
    return make_tasks(_images(inputs), labels, *maps, into_folder=into_folder, **others)


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


def _segment_by_blocks(
    tasks: Sequence[Task],
    model: Model,
    options: SegmentOptions,
    cutting: BlockOptions,
    **how: Any,
) -> None:
    from napari_unet.services.blocks.files import segment_files_by_blocks

    job = segment_files_by_blocks(tasks, model, options, cutting, **how)
    for result in run(job, "Segmenting"):
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
