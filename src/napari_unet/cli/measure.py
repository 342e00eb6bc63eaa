"""`napari-unet measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.arguments import Axes, InOrder, Labels, Overwrite
from napari_unet.cli.driving import explained, paired, run

Images = Annotated[
    list[str],
    typer.Option(
        "--image", "--images", help="Image file, folder or pattern; give it again for more."
    ),
]
Table = Annotated[
    Path, typer.Option("-o", "--output", help="The table, one CSV file for all images.")
]
Planes = Annotated[
    bool,
    typer.Option(
        "--planes", help="Measure plane by plane, as for the objects of a 2-D model in a Z stack."
    ),
]
Shape = Annotated[
    bool, typer.Option(help="Perimeter, Feret diameter, solidity, eccentricity and orientation.")
]
Ring = Annotated[
    int,
    typer.Option(
        min=0, metavar="PIXELS", help="Mean intensity in a ring so wide around each object, too."
    ),
]
Parents = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILES",
        help="Labels of larger objects, as cells for nuclei: the number of the one each lies in.",
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="How images are named, such as '{plate}_{well}_f{field}': a column for each part. * stands "
        "for anything, / divides folders, as in '{condition}/*_{well}'.",
    ),
]


def measure(
    image: Images,
    labels: Labels,
    output: Table,
    axes: Axes = None,
    planes: Planes = False,
    shape: Shape = True,
    ring: Ring = 0,
    parents: Parents = None,
    pattern: Pattern = None,
    in_order: InOrder = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure objects: size, position, and intensity in each channel, in the image's unit."""
    from napari_unet.core.objects.details import Details
    from napari_unet.services.evaluation.measure import (
        measure_all,
        parent_records,
        read_labelled,
        read_parents,
        table_record,
    )
    from napari_unet.services.files.name_parts import NamePattern, describe_matches, read_names
    from napari_unet.services.files.tables import check_table, save_table

    with explained():
        check_table(output, overwrite)
        files = paired(image, labels, in_order)
        labelled = read_labelled(files, axes=axes)
        around = read_parents(files, parents or [], labelled, in_order=in_order)
        details = [Details(shape, ring, each) for each in around]
        names = None if pattern is None else NamePattern(pattern)
        paths = [path for path, _ in files.pairs]
        parts = None if names is None else read_names(names, paths)
        if names is not None:
            typer.echo(describe_matches(names, paths), err=True)
        spatial = "YX" if planes else ""
        job = measure_all(labelled, spatial=spatial, details=details, parts=parts)
        columns = run(job, "Measuring")
        how = {"planes": planes, "shape": shape, "ring": ring}
        record = table_record(files, axes, **how, **({"pattern": pattern} if pattern else {}))
        if parents:
            record["inputs"] |= parent_records(parents)
        save_table(columns, output, overwrite=overwrite, made_by=record)
        typer.echo(f"{len(columns['label'])} objects: {output}")
