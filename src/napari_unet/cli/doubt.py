"""`napari-unet doubt`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, InOrder, Labels, ModelName, Overwrite
from napari_unet.cli.driving import explained, paired, run
from napari_unet.cli.measure import Images, Table
from napari_unet.cli.options import options_from, with_options
from napari_unet.services.segmentation.options import SegmentOptions

OPTIONS = ("channels", "normalization", "diameter", "threshold", "separation", "device", "tile")
"""How the network is run on the images."""


@with_options(SegmentOptions, only=OPTIONS)
def doubt(
    image: Images,
    labels: Labels,
    model: ModelName,
    output: Table,
    annotations: Annotated[
        bool,
        typer.Option(
            "--annotations",
            help="The labels are annotations: list first what the network disagrees with most.",
        ),
    ] = False,
    axes: Axes = None,
    in_order: InOrder = False,
    overwrite: Overwrite = False,
    **settings: Any,
) -> None:
    """List objects in the order in which a person should look at them, the most doubtful first."""
    from napari_unet.services.evaluation.doubt_files import doubt_all
    from napari_unet.services.evaluation.measure import table_record
    from napari_unet.services.files.tables import check_table, save_table
    from napari_unet.services.library import Library

    with explained():
        check_table(output, overwrite)
        files = paired(image, labels, in_order)
        loaded = run(Library().load(model), "Loading")
        options = options_from(SegmentOptions, settings)
        job = doubt_all(files, loaded, options, axes=axes, annotations=annotations)
        columns = run(job, "Looking")
        record = table_record(files, axes, model=model, annotations=annotations)
        save_table(columns, output, overwrite=overwrite, made_by=record)
        typer.echo(f"{len(columns['label'])} objects, the most doubtful first: {output}")
