"""A training as the command that repeats it, with the same network, and the files it reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.model.file import MODEL_SUFFIX
from napari_unet.services.commands.inputs import TrainingPair, find_or_write, is_file
from napari_unet.services.commands.line import as_line, no_command
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_unet.core.augment.options import AugmentOptions
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job

OPTIONS = (
    "learning_rate",
    "batch",
    "patch",
    "use_checkpointing",
    "held_out",
    "seed",
    "device",
    "precision",
    "memory",
    "task",
    "diameter",
)
"""Settings with an option of their own and a single value."""
SEPARATE = {"steps", "minutes", "pace", "augment", "channels", "classes", "name", "save_every"}
"""Settings that are expressed in another way, or don't change the network."""


def training_command(
    pairs: Sequence[TrainingPair], spec: ModelSpec, model: str, parent: str, folder: Path
) -> Job[str]:
    """Write what was trained on into files, where it is in none, and return the line that repeats it.

    Parameters
    ----------
    pairs
        Images and annotations, in their order.
    spec
        Description of the new model; its record says how it was trained.
    model
        The new model, by its name in the library or its path; the repeated one gets the same name.
    parent
        The model it was tuned from, likewise; ignored if it was trained from scratch.
    folder
        For the files. Made if there is something to write; if it exists, a number is added to its name.

    Yields
    ------
    Progress
        In units of images.

    Raises
    ------
    UserError
        When no command would give the same network.
    """
    record = spec.provenance.training
    options = FinetuneOptions.model_validate(record["options"])
    # automatic ones as they were resolved
    options = options.model_copy(update={k: record[k] for k in ("device", "precision", "memory")})
    scratch = not spec.provenance.parent
    names = tuple(spec.label_names.values()) if scratch else options.classes or ()
    _check_expressible(pairs, record, names, parent if not scratch else "none")
    folder = _unused(folder)
    try:
        files = yield from find_or_write(pairs, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    words = ["napari-unet", "finetune"]
    for flag, paths in files.options.items():
        for path in paths:
            words += [flag, str(path)]
    words += ["--kind", pairs[0].annotation.kind]
    words += ["--region", str(files.regions)] if files.regions else []
    words += ["--in-order"] if files.in_order else []
    if scratch:
        words += ["--dimensions", str(spec.config.ndim)]
    else:
        words += ["--model", parent]
    output = files.images[0].with_name(
        f"{Path(model).stem if is_file(model) else model}{MODEL_SUFFIX}"
    )
    words += ["-o", str(output)]
    if record["pace"]:
        words += ["--pace-of", model]
    else:
        words += ["--steps", str(options.steps), "--minutes", "0"]
    return as_line([*words, *option_words(options, names)])


def option_words(options: FinetuneOptions, classes: Sequence[str] = ()) -> list[str]:
    """Return the words of settings other than how long to train.

    Parameters
    ----------
    options
        The settings.
    classes
        Names of the classes.
    """
    words = ["--classes", ",".join(classes)] if classes else []
    for channel in options.channels or ():
        words += ["--channel", str(channel)]
    for name, value in _changed(options):
        if name in OPTIONS:
            words += [f"--{name.replace('_', '-')}", str(value)]
        elif name not in SEPARATE:
            words += ["--option", f"{name}={value}"]
    for name, value in _changed(options.augment):
        if name == "strength":
            words += ["--strength", str(value)]
        else:
            words += ["--option", f"augment.{name}={value}"]
    return words


def _changed(options: FinetuneOptions | AugmentOptions) -> Iterator[tuple[str, Any]]:
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value != field.default:
            yield name, value


def _check_expressible(
    pairs: Sequence[TrainingPair], record: Mapping[str, Any], names: Sequence[str], parent: str
) -> None:
    """Raise a `UserError` where options of a command can't express the training."""
    again = "Train again from the U-Net it started from, with the annotations as they are now."
    if "pace" not in record:
        raise no_command("its steps were not recorded", again)
    if record["altered"]:
        raise no_command(record["altered"], again)
    if not parent:
        raise no_command(
            "the U-Net it started from is not saved", "Keep it in the library first (Load U-Net)."
        )
    if any("," in name or name != name.strip() for name in names):
        raise no_command(f"the classes are called {names}", "Leave commas out of their names.")
    if len({pair.annotation.kind for pair in pairs}) > 1:
        raise no_command(
            "its annotations are of several kinds", "Train with one kind after the other."
        )


def _unused(folder: Path) -> Path:
    """Return a folder that doesn't exist yet: the files of an earlier command are not overwritten."""
    path, n = folder, 2
    while path.exists():
        path, n = folder.with_name(f"{folder.name}-{n}"), n + 1
    return path
