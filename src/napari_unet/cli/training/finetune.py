"""`napari-unet finetune`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli.arguments import Axes, Images, InOrder, Kind, Labels, Regions, Resample
from napari_unet.cli.driving import explained, run, say
from napari_unet.cli.options import naming_options, typed_values, with_options
from napari_unet.cli.training.new_model import check_output, finish
from napari_unet.cli.training.report import announced, tell_faults
from napari_unet.core.errors import UserError
from napari_unet.core.progress import finish as run_to_end
from napari_unet.services.training.options import PRESETS, FinetuneOptions, Preset, make_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model

Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="The new model: *.safetensors.")
]
ModelName = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="The model to start from, named as for 'segment'. Without: a new network, from scratch.",
    ),
]
PresetOption = Annotated[
    Preset,
    typer.Option(
        metavar="CHOICE",
        help="How long to train: Quick (1 minute), Standard or Thorough (20 minutes).",
        rich_help_panel="Training",
    ),
]
PaceOf = Annotated[
    str | None,
    typer.Option(
        "--pace-of",
        metavar="MODEL",
        help="Repeat the recorded schedule of this model's training (its steps and learning rates) in "
        "place of --steps and --minutes, also where time ran out or somebody stopped it.",
        rich_help_panel="Training",
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Any setting by its name in Python, such as patience=20 or augment.elastic=15.",
        rich_help_panel="Training",
    ),
]
_NEW = "New network (without --model)"
Dimensions = Annotated[
    int, typer.Option(min=2, max=3, metavar="INTEGER", help="2 or 3.", rich_help_panel=_NEW)
]
Base = Annotated[
    int,
    typer.Option(
        min=1, metavar="INTEGER", help="Channels of the first level.", rich_help_panel=_NEW
    ),
]
Depth = Annotated[
    int,
    typer.Option(min=1, max=7, metavar="INTEGER", help="Number of poolings.", rich_help_panel=_NEW),
]
ResultBefore = Annotated[
    list[str] | None,
    typer.Option(
        "--result-before",
        metavar="FILES",
        help="The results that the labels were copied from before they were corrected, paired with the "
        "images like the labels. The verdict is then about what was changed, and only planes that "
        "were changed are learnt, unless --region says what was checked.",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Train on several graphics cards of this computer at once: their numbers, such as 0,1. "
        "cpu,cpu: two processes on the processor. On several computers: torchrun.",
        rich_help_panel="Training",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        help="Continue this training if it was interrupted (default: on).", show_default=False
    ),
]
Overwrite = Annotated[
    bool, typer.Option(help="Replace an existing model file.", show_default=False)
]


@with_options(FinetuneOptions, without=("pace", "name"))
def finetune(
    images: Images,
    labels: Labels,
    kind: Kind,
    output: Output,
    model: ModelName = None,
    region: Regions = None,
    axes: Axes = None,
    resample: Resample = False,
    in_order: InOrder = False,
    result_before: ResultBefore = None,
    resume: Resume = True,
    overwrite: Overwrite = False,
    preset: PresetOption = "Standard",
    recorded_schedule: PaceOf = None,
    option: Setting = None,
    devices: Devices = None,
    dimensions: Dimensions = 2,
    base: Base = 32,
    depth: Depth = 4,
    **settings: Any,
) -> None:
    """Fine-tune a model on annotated images, or train a new one, and report whether it is better.

    The state of the training is kept beside the new model (*.training), so that the same command
    continues after an interruption.
    """
    from napari_unet.services.commands.from_files import with_files
    from napari_unet.services.training.devices import joined
    from napari_unet.services.training.finetune import finetune as train
    from napari_unet.services.training.finetune import follow_training

    with explained(), joined(devices, _this_command()) as ranks:
        if not ranks.rank:
            check_output(output, overwrite)
        schedule = _schedule(recorded_schedule, settings)
        options = training_options(preset, settings, option or (), name=output.stem, **schedule)
        how: dict[str, Any] = {"axes": axes, "resample": resample}
        files, annotations = _annotations(
            images, labels, result_before, kind, in_order, regions=region or (), **how
        )
        start = _start(model, annotations, options, ndim=dimensions, base=base, depth=depth)
        if ranks.rank:
            run_to_end(follow_training(annotations, start, options, ranks))
            return
        state = output.with_suffix(".training")
        job = train(annotations, start, options, state=state, resume=resume, ranks=ranks)
        result = run(announced(job, interrupted=resume and state.exists()), "Training")
        network = {} if model else {"dimensions": dimensions, "base": base, "depth": depth}
        result = with_files(result, files, model, kind=kind, region=region, **how, **network)
        finish(result, output, state, overwrite)


def _this_command() -> list[str]:
    """Return what was typed, for the processes of further devices."""
    return [sys.executable, "-m", "napari_unet", *sys.argv[1:]]


def _annotations(
    images: list[str],
    labels: list[str],
    results: list[str] | None,
    kind: Any,
    in_order: bool,
    **how: Any,
) -> tuple[dict[str, Path], list[Annotation]]:
    """Pair, read and check the files, and say what belongs together and what looks wrong."""
    from napari_unet.services.commands.from_files import read_files
    from napari_unet.services.files.pairs import find_pairs
    from napari_unet.services.training.annotation_files import read_pairs

    pairs = find_pairs(images, labels, in_order=in_order)
    say(str(pairs))
    before = find_pairs(images, results, in_order=in_order) if results else None
    annotations = read_pairs(pairs, kind, before=before, **how)
    tell_faults(annotations)
    earlier = [path for _, path in before.pairs] if before is not None else []
    return read_files(pairs.pairs, earlier), annotations


def training_options(
    preset: Preset, settings: Mapping[str, Any], assignments: Sequence[str] = (), **others: Any
) -> FinetuneOptions:
    """Join a preset, what was typed and assignments ``name=value``; later ones take precedence.

    Parameters
    ----------
    preset
        Name of the preset.
    settings
        What was typed, by option.
    assignments
        What follows ``--option``.
    others
        Further values by field.

    Raises
    ------
    UserError
        When a value is not allowed; it names the option.
    """
    values = {**others, **typed_values(FinetuneOptions, settings)}
    with naming_options(FinetuneOptions):
        return make_options(PRESETS[preset], assignments, **values)


def _schedule(model: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the options that repeat the recorded schedule of a model's training."""
    from napari_unet.services.library import Library
    from napari_unet.services.training.history import recorded_schedule

    if model is None:
        return {}
    if settings["steps"] is not None or settings["minutes"] is not None:
        raise UserError(
            "The number of steps can't be both given and taken from another training",
            value="--pace-of with --steps or --minutes",
            rule="Either of them says how long to train.",
            remedy="Give one of the two.",
        )
    return {**recorded_schedule(Library().spec(model)), "minutes": None}


def _start(
    model: str | None,
    annotations: Sequence[Annotation],
    options: FinetuneOptions,
    *,
    ndim: int,
    base: int,
    depth: int,
) -> Model | NewModel:
    """Load the model to start from, or describe a new network that suits the annotations."""
    from napari_unet.services.library import Library
    from napari_unet.services.training.new_network import new_network
    from napari_unet.services.training.task import task_note

    if model is not None:
        loaded = run(Library().load(model), "Loading")
        if note := task_note(loaded.spec, annotations, options):
            say(note)
        return loaded
    described = new_network(
        annotations,
        options,
        ndim=ndim,
        channels=len(options.channels or range(annotations[0].image.n_channels)),
        classes=options.classes,
        task=options.task,
    )
    return dataclasses.replace(run(described, "Reading annotations"), base=base, depth=depth)
