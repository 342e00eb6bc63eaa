"""A training as the command that repeats it, to the same network, and files of what it learnt from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.model.file import MODEL_SUFFIX
from napari_unet.services.commands.inputs import Learnt, is_file, written
from napari_unet.services.commands.segmentation import as_line, untold
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_unet.core.augment.options import AugmentOptions
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job

OWN = (
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
)
"""Settings with an option of their own, that are a word or a number."""
APART = {"steps", "minutes", "pace", "augment", "channels", "classes", "name", "save_every"}
"""Settings that are told in a way of their own, or change nothing."""


def training_command(
    learnt: Sequence[Learnt], spec: ModelSpec, model: str, parent: str, folder: Path
) -> Job[str]:
    """Write what was learnt into files, as far as it is in none, and return the line that learns it.

    Parameters
    ----------
    learnt
        Images and paint, in their order.
    spec
        Of the new model; the record in it says how it was trained.
    model
        The new model, by its name in the library or its path; its name is that of the repeated one too.
    parent
        Likewise the model it was tuned from; of no effect if it was trained from scratch.
    folder
        For the files. Made if there is something to write; if there is one already, another is taken.

    Yields
    ------
    Progress
        In units of images.

    Raises
    ------
    UserError
        When a command would not give the same network.
    """
    told = spec.provenance.training
    options = FinetuneOptions.model_validate(told["options"])
    # where these were left open, as they turned out to be
    options = options.model_copy(update={k: told[k] for k in ("device", "precision", "memory")})
    scratch = not spec.provenance.parent
    names = tuple(spec.label_names.values()) if scratch else options.classes or ()
    _check(learnt, told, names, parent if not scratch else "none")
    folder = _free(folder)
    try:
        files = yield from written(learnt, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    words = ["napari-unet", "finetune"]
    for flag, paths in (("--images", files.images), ("--labels", files.paints)):
        for path in paths:
            words += [flag, str(path)]
    words += ["--kind", learnt[0].annotation.kind]
    words += ["--region", str(files.regions)] if files.regions else []
    if scratch:
        words += ["--dimensions", str(spec.config.ndim)]
    else:
        words += ["--model", parent]
    output = files.images[0].with_name(
        f"{Path(model).stem if is_file(model) else model}{MODEL_SUFFIX}"
    )
    words += ["-o", str(output)]
    if told["pace"]:
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
        if name in OWN:
            words += [f"--{name.replace('_', '-')}", str(value)]
        elif name not in APART:
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


def _check(
    learnt: Sequence[Learnt], told: Mapping[str, Any], names: Sequence[str], parent: str
) -> None:
    """Raise a `UserError` where it is known from the start that no words say it."""
    again = "Train once more from the U-Net it began with, with the paint as it is now."
    if "pace" not in told:
        raise untold("there is no record of its steps", again)
    if told["altered"]:
        raise untold(told["altered"], again)
    if not parent:
        raise untold(
            "the U-Net it began with is in no file", "Keep it in the library first (Load U-Net)."
        )
    if any("," in name or name != name.strip() for name in names):
        raise untold(f"the classes are called {names}", "Leave commas out of their names.")
    annotations = [one.annotation for one in learnt]
    if len({annotation.kind for annotation in annotations}) > 1:
        raise untold("its paint is of several kinds", "Train with one kind after the other.")


def _free(folder: Path) -> Path:
    """Return a folder that isn't there yet: what lines in lab books name is not written over."""
    found, n = folder, 2
    while found.exists():
        found, n = folder.with_name(f"{folder.name}-{n}"), n + 1
    return found
