"""`napari-unet compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, Overwrite
from napari_unet.cli.driving import explained, run
from napari_unet.cli.options import options_from, with_options
from napari_unet.services.segmentation.options import SegmentOptions


@with_options(SegmentOptions, only=("channels", "diameter", "device", "precision"))
def compare(
    image: Annotated[Path, typer.Argument(help="Image file.")],
    before: Annotated[str, typer.Option(help="The older model, as for 'segment'.")],
    now: Annotated[str, typer.Option(help="The newer model.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write where they differ as labels: 1 only the older model found something, 2 only "
            "the newer, 3 both, but a different class or object.",
        ),
    ] = None,
    axes: Axes = None,
    overwrite: Overwrite = False,
    **settings: Any,
) -> None:
    """Segment an image with two models and report where the results differ."""
    from napari_unet.services.evaluation.compare import compare as compare_models
    from napari_unet.services.files.images import open_image
    from napari_unet.services.files.save import check_output, save_labels
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.made_by import comparison_record

    with explained():
        options = options_from(SegmentOptions, settings)
        if output is not None:
            check_output(output, overwrite)
        opened = open_image(image, axes)
        older, newer = (run(Library().load(text), "Loading") for text in (before, now))
        comparison = run(compare_models(opened, older, newer, options), "Comparing")
        if output is not None:
            record = comparison_record(image, (older, before), (newer, now), options, axes)
            save_labels(output, comparison.labels, opened, overwrite=overwrite, made_by=record)
        typer.echo(comparison)
