"""`napari-unet plan` and `napari-unet blocks`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, Level, ModelName
from napari_unet.cli.driving import explained, print_table, run
from napari_unet.cli.options import options_from, with_options
from napari_unet.core.durations import format_seconds
from napari_unet.core.memory_units import format_bytes
from napari_unet.services.blocks.job import BlockOptions
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.services.blocks.forecast import Forecast


@with_options(BlockOptions)
@with_options(SegmentOptions, without=("probabilities", "uncertainty"))
def plan(
    image: Annotated[str, typer.Argument(metavar="INPUT", help="Image file or OME-Zarr.")],
    model: ModelName,
    axes: Axes = None,
    level: Level = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Also say the time by blocks on so many computers.")
    ] = None,
    **settings: Any,
) -> None:
    """Say what segmenting an image will take: tiles, blocks, time, memory and disk."""
    from napari_unet.services.blocks.forecast import forecast
    from napari_unet.services.files.images import open_image
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.level import choose_level

    with explained():
        options = options_from(SegmentOptions, settings)
        network = run(Library().load(model), "Loading")
        taken = choose_level(image, network.spec, level)
        opened = open_image(image, axes, level=taken.number)
        cutting = options_from(BlockOptions, settings)
        foreseen = run(forecast(opened, network, options, cutting), "Measuring")
    frames = _number(foreseen.frames, "plane" if len(foreseen.shape) == 2 else "volume")
    typer.echo(f"{opened.name}: {frames} of {_sides(foreseen.shape)} pixels, {network.spec.name}")
    if taken.number:
        typer.echo(f"Level {taken.number} of the pyramid.")
    print_table(_rows(foreseen, workers))


def _rows(foreseen: Forecast, workers: int | None) -> list[list[str]]:
    tiles = f"{_number(foreseen.plan.n_tiles, 'tile')} of {_sides(foreseen.plan.tile_shape)}"
    blocks = f"{_number(foreseen.blocks, 'block')} of {_sides(foreseen.block)}"
    once, memory = format_bytes(foreseen.memory), format_bytes(foreseen.block_memory)
    disk = f"up to {format_bytes(foreseen.disk)} of disk"
    rows = [
        ["at once", tiles, f"{once} of memory", "", format_seconds(foreseen.seconds)],
        ["by blocks", blocks, f"{memory} of memory", disk, format_seconds(foreseen.block_seconds)],
    ]
    if workers:
        each = f"{memory} of memory each"
        rows.append(
            [
                f"on {workers} workers",
                blocks,
                each,
                disk,
                format_seconds(foreseen.seconds_on(workers)),
            ]
        )
    return rows


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _sides(shape: Sequence[int]) -> str:
    return " × ".join(f"{n:,}" for n in shape)


def blocks(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the run, as 'segment --cluster array:N' names it.")
    ],
    index: Annotated[int, typer.Option(min=0, help="Which share to compute, from 0.")],
    of: Annotated[int, typer.Option(min=1, help="Number of shares.")],
) -> None:
    """Compute a share of a run by blocks, as one job of a job array."""
    from napari_unet.services.blocks.job_array import take_part

    with explained():
        count = run(take_part(folder, index, of), "Computing")
        typer.echo(f"{count:,} tasks computed")
