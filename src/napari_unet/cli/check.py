"""`napari-unet check`."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_unet.cli.arguments import Axes, Images, InOrder, Kind, Labels, Regions, Resample
from napari_unet.cli.driving import explained, run, say

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="A model for such images: tells missing objects and several as one."
    ),
]


def check(
    images: Images,
    labels: Labels,
    kind: Kind,
    model: Model = None,
    region: Regions = None,
    axes: Axes = None,
    resample: Resample = False,
    in_order: InOrder = False,
) -> None:
    """Look for faults in images and labels before they are learnt; status 1 if there are any.

    Labels that are shifted, flipped or of another image, images given twice, one number in two places,
    slivers, other scales and types; with a model also objects that are missing or several.
    """
    from napari_unet.services.checking.check import check_files
    from napari_unet.services.files.pairs import find_pairs
    from napari_unet.services.library import Library

    with explained():
        pairs = find_pairs(images, labels, in_order=in_order)
        say(str(pairs))
        how = {"regions": region or (), "axes": axes, "resample": resample}
        network = run(Library().load(model), "Loading") if model else None
        findings = run(check_files(pairs, kind, network, **how), "Checking")
    for finding in findings:
        typer.echo(finding)
    n = len(pairs.pairs)
    typer.echo(f"{len(findings) or 'No'} finding(s) in {n} image{'s' * (n != 1)}.")
    if findings:
        raise typer.Exit(1)
