"""`napari-unet evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli.arguments import (
    Axes,
    InOrder,
    Labels,
    OptionalKind,
    Overwrite,
    Regions,
    Resample,
)
from napari_unet.cli.driving import explained, paired, run
from napari_unet.cli.options import changed_flags, options_from, with_options
from napari_unet.cli.scores import print_classes, print_objects
from napari_unet.core.errors import UserError
from napari_unet.services.files.provenance import COLUMN
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.progress import Job
    from napari_unet.services.evaluation.scores import Evaluation
    from napari_unet.services.files.pairs import FilePairs

ModelName = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="The model to run on the images, named as for 'segment'."),
]
Predicted = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILES",
        help="Instead of a model: predicted labels, paired with the true ones by name.",
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILES",
        help="Image file, folder or pattern; give it again for more. With --predicted they only serve "
        "as the background of --overlay.",
    ),
]
Objects = Annotated[bool, typer.Option("--objects", help="Short for --kind objects.")]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write all scores to this file as JSON; -: to standard output.",
    ),
]
Overlay = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder for pictures of hits, misses, extras, merges and splits."
    ),
]


@with_options(SegmentOptions, without=("objects", "probabilities", "uncertainty"))
def evaluate(
    labels: Labels,
    model: ModelName = None,
    predicted: Predicted = None,
    images: Images = None,
    kind: OptionalKind = None,
    objects: Objects = False,
    region: Regions = None,
    axes: Axes = None,
    resample: Resample = False,
    in_order: InOrder = False,
    json_file: Json = None,
    overlay: Overlay = None,
    overwrite: Overwrite = False,
    **settings: Any,
) -> None:
    """Score labels against the true ones: IoU and Dice of each class, and object scores.

    The labels are those of a model run on images, or predicted ones from files.
    """
    from napari_unet.services.commands.from_files import evaluation_record, read_files
    from napari_unet.services.evaluation.object_pictures import save_pictures
    from napari_unet.services.files.pairs import find_pairs

    kind = "objects" if objects else kind
    # what reads the scores often gets standard error as well
    quiet = str(json_file) == "-"
    with explained():
        options = options_from(SegmentOptions, settings)
        _check_outputs(kind, overlay, json_file, overwrite)
        if predicted:
            _refuse_model_options(model, region, resample, options)
            how = {"axes": axes, "in_order": in_order}
            job = _compare(predicted, labels, images or [], kind or "classes", quiet, **how)
            compared = find_pairs(predicted, labels, "predictions", in_order=in_order)
            files = read_files(compared.pairs, what="predicted")
        else:
            _check_complete(model, images, kind)
            pairs = paired(images or [], labels, in_order)
            annotations = _read(pairs, kind, region, quiet, axes=axes, resample=resample)
            job = _run_model(str(model), annotations, options)
            files = read_files(pairs.pairs)
        if overlay is not None:
            job = save_pictures(job, overlay, overwrite=overwrite)
        record = evaluation_record(
            files, model, options, kind=kind, region=region, axes=axes, resample=resample
        )
        _report(run(job, "Evaluating"), json_file, record)


def _check_outputs(
    kind: str | None, overlay: Path | None, json_file: Path | None, overwrite: bool
) -> None:
    from napari_unet.services.files.save import check_free

    if overlay is not None and kind != "objects":
        raise UserError(
            "There are no objects to draw",
            value=f"--kind {kind}" if kind else "no --kind",
            rule="An overlay shows which objects were found.",
            remedy="Add --objects, or leave --overlay out.",
        )
    if json_file is not None and str(json_file) != "-":
        check_free(json_file, overwrite)


def _refuse_model_options(
    model: str | None, region: list[str] | None, resample: bool, options: SegmentOptions
) -> None:
    """Raise a `UserError` for options that have no effect without a model."""
    given = {"--model": model, "--region": region, "--resample": resample}
    flags = [name for name, value in given.items() if value] + changed_flags(options)
    if flags:
        raise UserError(
            "Predicted labels are compared as they are",
            value=f"--predicted and {', '.join(flags)}",
            rule="These options say how to run a model on images.",
            remedy="Leave out either --predicted or these.",
        )


def _check_complete(model: str | None, images: list[str] | None, kind: str | None) -> None:
    needed = {"--model": model, "--images": images, "--kind": kind}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise UserError(
            "There is nothing to compare the labels with",
            value=f"no {', no '.join(missing)}",
            rule="Give a model with images and the kind of the labels, or predicted labels.",
            remedy="Add what is missing, or --predicted with label files.",
        )


def _compare(
    predicted: list[str], labels: list[str], images: list[str], kind: Any, quiet: bool, **files: Any
) -> Job[Evaluation]:
    from napari_unet.services.evaluation.evaluate import compare_labels
    from napari_unet.services.evaluation.label_pairs import read_label_pairs

    pairs = read_label_pairs(predicted, labels, images, kind=kind, **files)
    _tell([] if quiet else [note for pair in pairs for note in pair.notes])
    return compare_labels(pairs, kind)


def _tell(notes: Iterable[str]) -> None:
    """Say on stderr how labels are understood where that is not plain."""
    for note in notes:
        typer.echo(note, err=True)


def _read(
    pairs: FilePairs, kind: Any, region: list[str] | None, quiet: bool, **how: Any
) -> list[Annotation]:
    from napari_unet.core.annotations.meaning import understand
    from napari_unet.core.progress import finish
    from napari_unet.services.training.annotation_files import read_pairs

    annotations = read_pairs(pairs, kind, regions=region or (), **how)
    understood = [finish(understand(annotation)) for annotation in annotations]
    # not that an empty file is background: there is nothing else that it could be
    both = zip(understood, annotations, strict=True)
    new_notes = [note for now, before in both for note in now.notes[len(before.notes) :]]
    _tell([] if quiet else new_notes)
    return understood


def _run_model(
    model: str, annotations: Sequence[Annotation], options: SegmentOptions
) -> Job[Evaluation]:
    from napari_unet.services.evaluation.evaluate import evaluate as evaluate_model
    from napari_unet.services.library import Library

    return evaluate_model(annotations, run(Library().load(model), "Loading"), options)


def _report(evaluation: Evaluation, json_file: Path | None, record: dict[str, Any]) -> None:
    from napari_unet.core.atomic import atomic_path

    text = json.dumps({**evaluation.as_dict(), COLUMN: record}, indent=2)
    if json_file is not None and str(json_file) == "-":
        typer.echo(text)
        return
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(text + "\n")
    print_classes({"": evaluation.classes})
    typer.echo(f"mean without background: IoU {evaluation.iou:.4f}, Dice {evaluation.dice:.4f}")
    if evaluation.empty:
        typer.echo(
            f"{evaluation.empty} plane(s) have no true labels: everything found there counts as "
            "wrong. If they were not annotated, give the annotated part with --region."
        )
    if evaluation.objects is not None:
        typer.echo()
        print_objects(evaluation.objects)
