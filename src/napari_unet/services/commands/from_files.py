"""Trainings and evaluations of files: what is recorded of them, and the command that repeats them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.services.commands.line import no_command
from napari_unet.services.commands.segmentation import segment_words
from napari_unet.services.commands.training import option_words
from napari_unet.services.files.provenance import MadeBy, describe_file, new_record
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_unet.services.training.result import FinetuneResult

FILES = "files"
"""Entry of a model's record of its training: which files it was trained with, and how."""


def read_files(
    pairs: Iterable[tuple[Path, Path]], before: Iterable[Path] = (), what: str = "images"
) -> dict[str, Path]:
    """Return the files of pairs, of which the first are images, and earlier results by what they are."""
    files: dict[str, Path] = {}
    for i, (image, labels) in enumerate(pairs, 1):
        files |= {f"{what} {i}": image, f"labels {i}": labels}
    return files | {f"result-before {i}": path for i, path in enumerate(before, 1)}


def with_files(
    result: FinetuneResult, files: Mapping[str, Path], model: str | None, **how: Any
) -> FinetuneResult:
    """Return the result of a training, whose model says which files it was trained with.

    Parameters
    ----------
    result
        The result.
    files
        From `read_files`.
    model
        The model it started from, as typed; None: a new network.
    how
        Other options of the command, JSON values by name.
    """
    spec = result.model.spec
    inputs = {what: describe_file(path) for what, path in files.items()}
    record = {"inputs": inputs, "model": _absolute(model), "how": _given(how)}
    training = {**spec.provenance.training, FILES: record}
    provenance = spec.provenance.model_copy(update={"training": training})
    changed = replace(result.model, spec=spec.model_copy(update={"provenance": provenance}))
    return replace(result, model=changed)


def finetune_words(record: MadeBy, output: Path) -> list[str]:
    """Return the words that train a network again, from the record in its file.

    Raises
    ------
    UserError
        When it was not trained by a command, or no command would give the same network.
    """
    training = record["training"]
    stated = training.get(FILES)
    if stated is None:
        raise no_command(
            "the files that it was trained with are not recorded",
            "The window's “Copy as command” (Fine-tune) gives the command of a training.",
        )
    if training.get("altered"):
        raise no_command(training["altered"], "Train again with the annotations as they are now.")
    options = FinetuneOptions.model_validate(training["options"])
    # automatic ones as they were resolved
    options = options.model_copy(update={k: training[k] for k in ("device", "precision", "memory")})
    words = ["napari-unet", "finetune", *_file_words(stated["inputs"]), *_words(stated["how"])]
    words += [] if stated["model"] is None else ["--model", stated["model"]]
    words += ["-o", str(output)]
    if training["pace"]:
        words += ["--pace-of", record["file"]]
    else:
        words += ["--steps", str(options.steps), "--minutes", "0"]
    return [*words, *option_words(options, options.classes or ())]


def evaluation_record(
    files: Mapping[str, Path], model: str | None, options: SegmentOptions, **how: Any
) -> MadeBy:
    """Return the record of scores.

    Parameters
    ----------
    files
        From `read_files`.
    model
        The model that was run, as typed; None: labels were compared.
    options
        Its settings.
    how
        Other options of the command, JSON values by name.
    """
    stated = {} if model is None else {"source": _absolute(model)}
    settings = options.model_dump(mode="json", exclude_defaults=True)
    more = {"how": _given(how), "options": settings, **stated}
    return new_record("evaluate", "scores", files, **more)


def evaluate_words(record: MadeBy, output: Path) -> list[str]:
    """Return the words that compute scores again."""
    words = ["napari-unet", "evaluate", *_file_words(record["inputs"]), *_words(record["how"])]
    if "source" in record:
        options = SegmentOptions.model_validate(record["options"])
        # the words of its model and settings are those of a segmentation
        whole = segment_words(Path("image"), Path("labels"), record["source"], options)
        words += whole[whole.index("--model") :]
    return [*words, "--json", str(output)]


def _file_words(inputs: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [
        word
        for what, entry in inputs.items()
        for word in (f"--{what.partition(' ')[0]}", entry["path"])
    ]


def _words(how: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in how.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        else:
            each: Sequence[Any] = value if isinstance(value, list) else [value]
            words += [word for one in each for word in (flag, str(one))]
    # their order is known, their names may say nothing
    return [*words, "--in-order"]


def _given(how: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in how.items() if value not in (None, False, (), [])}


def _absolute(model: str | None) -> str | None:
    path = Path(model or "").expanduser()
    return str(path.absolute()) if model and path.exists() else model
