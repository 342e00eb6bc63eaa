"""Arguments and options that several commands share and no model declares."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Images = Annotated[
    list[str],
    typer.Option(metavar="FILES", help="Image file, folder or pattern; give it again for more."),
]
Labels = Annotated[
    list[str],
    typer.Option(
        metavar="FILES",
        help="Their labels: files of the same names but for words such as _masks, in the same folder or "
        "another; or as many in the same order.",
    ),
]
InOrder = Annotated[
    bool,
    typer.Option(
        "--in-order", help="Pair images and labels in the order given, whatever their names."
    ),
]
Kind = Annotated[
    Literal["scribbles", "classes", "objects"],
    typer.Option(
        metavar="CHOICE",
        help="What the labels hold. scribbles: 0 is unlabelled, 1 background, 2… the classes; "
        "classes: 0 is background; objects: 0 is background, each other value one object.",
    ),
]
OptionalKind = Annotated[Literal["scribbles", "classes", "objects"] | None, *Kind.__metadata__]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="BOX|FILE",
        help="Where the labels apply: a box like y=0:256,x=100:300,z=4:5, the CSV file of a Shapes "
        "layer, or a folder with a CSV file for each image, named like it. Without: on every "
        "annotated plane; for 'evaluate', objects and classes apply everywhere.",
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(metavar="AXES", help="Axes such as TZCYX, if those in the files are wrong."),
]
Level = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        help="Level of a pyramid in OME-Zarr, from 0, the largest. Without: the one whose pixels are "
        "nearest in size to those that the network has learnt, where both are stated.",
    ),
]
Resample = Annotated[
    bool,
    typer.Option(
        "--resample",
        help="Accept labels that are a whole factor smaller or larger than their image and resample "
        "them; ignore the pixel size they state.",
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        metavar="MODEL", help="Name in the library, model file, or foreign weights or package."
    ),
]
Overwrite = Annotated[bool, typer.Option(help="Replace existing outputs.", show_default=False)]
