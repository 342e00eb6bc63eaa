"""`napari-unet finetune`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from napari_unet.cli.driving import explained, run, say
from napari_unet.cli.scores import print_classes
from napari_unet.cli.settings import as_channel
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.errors import UserError
from napari_unet.core.memory_units import format_bytes
from napari_unet.services.training.options import PRESETS, FinetuneOptions, Preset, make_options

if TYPE_CHECKING:
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.training.result import FinetuneResult

T = TypeVar("T")

Images = Annotated[
    list[str], typer.Option(help="TIFF file, folder or pattern; give it again for more.")
]
Labels = Annotated[
    list[str],
    typer.Option(help="Their labels: files of the same names, or as many in the same order."),
]
KindOption = Annotated[
    Literal["scribbles", "classes", "objects"],
    typer.Option(
        help="scribbles: 0 is unlabelled, 1 background, 2… the classes; classes: 0 is background; "
        "objects: 0 is background, each other value one object."
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        help="Where the labels apply: a box like y=0:256,x=100:300,z=4:5, or the CSV file of a "
        "Shapes layer, or a folder with one for each image, of its name. Without: on every plane that "
        "carries paint; for 'evaluate', objects and classes apply everywhere.",
    ),
]
Axes = Annotated[
    str | None, typer.Option(help="Axes such as TZCYX, if those of the files are wrong.")
]
Resample = Annotated[
    bool,
    typer.Option(
        "--resample",
        help="Bring labels that are smaller or larger than their image by a whole factor to its pixels, "
        "and take those that state another pixel size for its pixels.",
    ),
]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


def _help(name: str) -> str:
    return str(FinetuneOptions.model_fields[name].description)


def finetune(
    images: Images,
    labels: Labels,
    kind: KindOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The new model: *.safetensors.")],
    model: Annotated[
        str | None,
        typer.Option(help="The parent, as for 'segment'. Without: a new network, from scratch."),
    ] = None,
    region: Regions = None,
    preset: Annotated[Preset, typer.Option(help="How long to train.")] = "Standard",
    steps: Annotated[int | None, typer.Option(min=1, help=_help("steps"))] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Time to train; 0: until all steps are done.")
    ] = None,
    recorded_schedule: Annotated[
        str | None,
        typer.Option(
            help="Take the steps that the training of this model took, at the same learning rates, in "
            "place of --steps and --minutes: what time limited, or somebody stopped, is so repeated."
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Names, separated by commas. " + _help("classes"))
    ] = None,
    task: Annotated[
        Literal["semantic", "objects"] | None,
        typer.Option(
            help=_help("task") + " A new network tells objects apart if these are painted."
        ),
    ] = None,
    channel: Annotated[list[str] | None, typer.Option(help=_help("channels"))] = None,
    axes: Axes = None,
    resample: Resample = False,
    strength: Annotated[
        float, typer.Option(min=0, max=2, help="Augmentation: 0 none, 1 usual, 2 strong.")
    ] = 1.0,
    learning_rate: Annotated[float | None, typer.Option(help=_help("learning_rate"))] = None,
    batch: Annotated[int | None, typer.Option(min=1, help=_help("batch"))] = None,
    patch: Annotated[int | None, typer.Option(min=16, help=_help("patch"))] = None,
    use_checkpointing: Annotated[
        Literal["auto", "off", "all"], typer.Option(help=_help("use_checkpointing"))
    ] = "auto",
    held_out: Annotated[float | None, typer.Option(min=0, max=0.5, help=_help("held_out"))] = None,
    seed: Annotated[int, typer.Option(min=0, help=_help("seed"))] = 0,
    device: Annotated[Device, typer.Option(help=_help("device"))] = "auto",
    precision: Annotated[Precision, typer.Option(help=_help("precision"))] = "auto",
    memory: Annotated[float | None, typer.Option(help=_help("memory"))] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Any other setting, such as patience=20 or augment.elastic=15."),
    ] = None,
    dimensions: Annotated[int, typer.Option(min=2, max=3, help="From scratch: 2-D or 3-D.")] = 2,
    base: Annotated[int, typer.Option(min=1, help="From scratch: channels at first.")] = 32,
    depth: Annotated[int, typer.Option(min=1, max=7, help="From scratch: poolings.")] = 4,
    resume: Annotated[
        bool, typer.Option(help="Go on where the same training was interrupted.")
    ] = True,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing model file.")] = False,
) -> None:
    """Fine-tune a model on painted images, or train a new one, and say whether it is better.

    The state of the training is kept beside the new model (*.training), so that the same command goes
    on after an interruption.
    """
    from napari_unet.core.atomic import check_writable
    from napari_unet.core.model.file import MODEL_SUFFIX
    from napari_unet.services.files.save import check_free
    from napari_unet.services.library import Library
    from napari_unet.services.training.annotation_files import read_annotations
    from napari_unet.services.training.finetune import finetune as tune
    from napari_unet.services.training.history import recorded_schedule as told_pace
    from napari_unet.services.training.new_network import new_network

    given: dict[str, Any] = {
        "steps": steps,
        "minutes": minutes,
        "learning_rate": learning_rate,
        "held_out": held_out,
        "classes": tuple(c.strip() for c in classes.split(",")) if classes else None,
        "channels": tuple(as_channel(c) for c in channel) if channel else None,
        "task": task,
        "batch": batch,
        "patch": patch,
        "memory": memory,
    }
    with explained():
        if output.suffix != MODEL_SUFFIX:
            raise UserError(
                f"The model can't be written to {output.name}",
                value=output.suffix or "no suffix",
                rule=f"A model file ends in {MODEL_SUFFIX}.",
                remedy=f"Name it {output.stem}{MODEL_SUFFIX}.",
            )
        check_free(output, overwrite)
        check_writable(output)
        if recorded_schedule is not None:
            if steps is not None or minutes is not None:
                raise UserError(
                    "The steps can't be both given and taken from another training",
                    value="--pace-of with --steps or --minutes",
                    rule="How long to train is said in one way.",
                    remedy="Give one of the two.",
                )
            # 0: until all steps are done
            given |= {**told_pace(Library().spec(recorded_schedule)), "minutes": 0}
        chosen = make_options(
            PRESETS[preset],
            option or [],
            **{k: v for k, v in given.items() if v is not None},
            augment=AugmentOptions(strength=strength),
            use_checkpointing=use_checkpointing,
            seed=seed,
            device=device,
            precision=precision,
            name=output.stem,
        )
        annotations = read_annotations(
            images, labels, kind, regions=region or (), axes=axes, resample=resample
        )
        start: Model | NewModel
        if model is None:
            channels = len(chosen.channels or range(annotations[0].image.n_channels))
            drawn = new_network(
                annotations,
                chosen,
                ndim=dimensions,
                channels=channels,
                classes=chosen.classes,
                task=task,
            )
            start = dataclasses.replace(run(drawn, "Looking"), base=base, depth=depth)
        else:
            start = run(Library().load(model), "Loading")
        state = output.with_suffix(".training")
        job = tune(annotations, start, chosen, state=state, resume=resume)
        interrupted = resume and state.exists()
        result = run(_telling(job, interrupted), "Training")
        try:
            # first: nothing that happens to what is printed must cost it
            _save(result.model, output)
            state.unlink(missing_ok=True)
        finally:
            _report(result)
        typer.echo(output)


def _save(model: Model, output: Path) -> None:
    """Write a new model; where that fails, keep it in the library all the same."""
    from napari_unet.core.model.file import save_model
    from napari_unet.services.library import Library

    try:
        save_model(model, output)
    except UserError as error:
        kept = Library().add(model)
        raise UserError(
            f"{output.name} can't be written; the new model is in the library as {kept.name!r}",
            value=error.value,
            rule=error.rule,
            remedy=f"Copy it from {kept.path}.",
        ) from error


def _telling(job: Job[T], interrupted: bool) -> Job[T]:
    """Say what will be learnt before the first step, so that a slip is seen before it costs time.

    Parameters
    ----------
    job
        The training.
    interrupted
        Whether there is a state of one that was interrupted.
    """
    from napari_unet.core.training.result import Prepared

    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if isinstance(step, Prepared):
            learnt = step.training_set
            say(f"{learnt.survey.summary}\n{learnt.held}\n{step.plan}")
            if step.done:
                say(f"Going on after step {step.done:.0f} of the training that was interrupted.")
                if step.repainted:
                    say(
                        "The paint is another than it had; --no-resume trains on it from the start."
                    )
            elif interrupted:
                say(
                    "What was interrupted had other images, settings or another start: training anew."
                )
        yield step


def _report(result: FinetuneResult) -> None:
    trained = result.trained
    status = trained.status
    typer.echo(f"Memory measured: {format_bytes(trained.measured)}.")
    typer.echo(
        f"{trained.ended}: {status.step} steps in {status.seconds:.0f} s, the best after "
        f"{status.best_step}."
    )
    for trouble in trained.warnings:
        typer.echo(trouble)
    if result.after:
        print_classes({"before": result.before, "after": result.after})
    typer.echo(result.verdict)
