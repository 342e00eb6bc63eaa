"""`napari-unet evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli.driving import explained, run
from napari_unet.cli.scores import print_classes, print_objects
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
from napari_unet.cli.training import (
    Axes,
    Device,
    KindOption,
    Labels,
    Precision,
    Regions,
    Resample,
)
from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from napari_unet.core.progress import Job
    from napari_unet.services.evaluation.scores import Evaluation


def evaluate(
    labels: Labels,
    model: Annotated[
        str | None, typer.Option(help="The model, as for 'segment', to run on the images.")
    ] = None,
    predicted: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead of a model: predicted labels, paired with the true ones by name."
        ),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            help="TIFF file, folder or pattern; give it again for more. With --predicted they are only "
            "shown in the overlays."
        ),
    ] = None,
    kind: KindOption | None = None,
    objects: Annotated[bool, typer.Option("--objects", help="Short for --kind objects.")] = False,
    region: Regions = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Channel for each input, by number or name.")
    ] = None,
    axes: Axes = None,
    resample: Resample = False,
    normalization: NormalizationOption = None,
    rescale: Annotated[bool, typer.Option(help=help_of("rescale"))] = True,
    pixel_size: Annotated[float | None, typer.Option(help=help_of("pixel_size"))] = None,
    threshold: Threshold = None,
    separation: Separation = None,
    smallest: Smallest = None,
    fill_holes: FillHoles = True,
    mirror: Annotated[bool, typer.Option(help=help_of("mirror"))] = False,
    device: Annotated[Device, typer.Option(help=help_of("device"))] = "auto",
    precision: Annotated[Precision, typer.Option(help=help_of("precision"))] = "auto",
    tile: Tile = "auto",
    memory: Annotated[float | None, typer.Option(help=help_of("memory"))] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Write all scores to this file, for programs; -: print them."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Folder for pictures of hits, misses, extras, merges and splits."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace existing outputs.")] = False,
) -> None:
    """Say how well labels match the true ones: IoU and Dice of each class, and scores of objects.

    The labels are those of a model run on images, or predicted ones from files.
    """
    from napari_unet.services.evaluation.object_pictures import save_pictures
    from napari_unet.services.files.save import check_free

    kind = "objects" if objects else kind
    with explained():
        if overlay is not None and kind != "objects":
            raise UserError(
                "There are no objects to draw",
                value=f"--kind {kind}" if kind else "no --kind",
                rule="An overlay shows which objects were found.",
                remedy="Add --objects, or leave --overlay out.",
            )
        if json_file is not None and str(json_file) != "-":
            check_free(json_file, overwrite)
        if predicted:
            _refuse(
                model=model,
                region=region,
                channel=channel,
                resample=resample,
                normalization=normalization,
                no_rescale=not rescale,
                pixel_size=pixel_size,
                threshold=threshold,
                separation=separation,
                smallest=smallest,
                no_fill_holes=not fill_holes,
                device=device != "auto",
                precision=precision != "auto",
                mirror=mirror,
                tile=tile != "auto",
                memory=memory,
            )
            job = _compare(predicted, labels, images or [], kind or "classes", axes)
        else:
            options = SegmentOptions(
                channels=tuple(as_channel(c) for c in channel) if channel else None,
                normalization=Normalization(kind=normalization) if normalization else None,
                rescale=rescale,
                pixel_size=pixel_size,
                threshold=threshold,
                separation=separation,
                smallest=smallest,
                fill_holes=fill_holes,
                mirror=mirror,
                device=device,
                precision=precision,
                tile=as_tile(tile),
                memory=memory,
            )
            job = _run_model(
                model, images, labels, kind, options, region=region, axes=axes, resample=resample
            )
        if overlay is not None:
            job = save_pictures(job, overlay, overwrite=overwrite)
        _report(run(job, "Evaluating"), json_file)


def _refuse(**given: Any) -> None:
    """Raise a `UserError` for an option that needs a model to run."""
    names = [name for name, value in given.items() if value is not None and value is not False]
    told = [f"--{name.replace('_', '-')}" for name in names]
    if told:
        raise UserError(
            "Predicted labels are compared as they are",
            value=f"--predicted and {', '.join(told)}",
            rule="These options say how to run a model on images.",
            remedy="Leave out either --predicted or these.",
        )


def _compare(
    predicted: list[str], labels: list[str], images: list[str], kind: KindOption, axes: str | None
) -> Job[Evaluation]:
    from napari_unet.services.evaluation.evaluate import compare_labels
    from napari_unet.services.evaluation.label_pairs import read_label_pairs

    return compare_labels(read_label_pairs(predicted, labels, images, axes=axes), kind)


def _run_model(
    model: str | None,
    images: list[str] | None,
    labels: list[str],
    kind: KindOption | None,
    options: SegmentOptions,
    *,
    region: list[str] | None,
    axes: str | None,
    resample: bool,
) -> Job[Evaluation]:
    from napari_unet.services.evaluation.evaluate import evaluate as judge
    from napari_unet.services.library import Library
    from napari_unet.services.training.annotation_files import read_annotations

    if model is None or not images or kind is None:
        needed = {"--model": model, "--images": images, "--kind": kind}
        raise UserError(
            "There is nothing to compare the labels with",
            value=f"no {', no '.join(name for name, value in needed.items() if not value)}",
            rule="Give a model with images and the kind of the labels, or predicted labels.",
            remedy="Add what is missing, or --predicted with label files.",
        )
    annotations = read_annotations(
        images, labels, kind, regions=region or (), axes=axes, resample=resample
    )
    return judge(annotations, run(Library().load(model), "Loading"), options)


def _report(found: Evaluation, json_file: Path | None) -> None:
    from napari_unet.core.atomic import atomic_path

    text = json.dumps(found.as_dict(), indent=2)
    if json_file is not None and str(json_file) == "-":
        typer.echo(text)
        return
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(text + "\n")
    print_classes({"": found.classes})
    typer.echo(f"mean without background: IoU {found.iou:.4f}, Dice {found.dice:.4f}")
    if found.empty:
        typer.echo(
            f"{found.empty} plane(s) have no true label: all that was found there counts as "
            "wrong. If they were not annotated, say with --region what was."
        )
    if found.objects is not None:
        typer.echo()
        print_objects(found.objects)
