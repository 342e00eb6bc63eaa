"""The command that makes a file again, from what it says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.services.commands.from_files import evaluate_words, finetune_words
from napari_unet.services.commands.line import as_line, no_command
from napari_unet.services.commands.segmentation import segment_words
from napari_unet.services.files.provenance import describe_file, read_record
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from napari_unet.services.files.provenance import MadeBy


def describe(file: Path) -> list[str]:
    """Say what made a file, a line for each fact.

    Raises
    ------
    UserError
        When it can't be read, or says nothing.
    """
    record = read_record(file)
    lines = [f"{record['made']} by {record['program']} ({record['by']})"]
    model = record.get("model", {})
    if model:
        lines.append(f"model: {model['name']}, weights SHA-256 {model['sha256']}")
    for what, entry in record.get("inputs", {}).items():
        lines.append(f"{what}: {entry['path']}, SHA-256 {entry['sha256']}{_changed(entry)}")
    for name in ("axes", "series", "level", "voxel_size"):
        if name in record:
            lines.append(f"{name.replace('_', ' ')}: {record[name]}")
    settings = ", ".join(f"{k} {v}" for k, v in record.get("options", {}).items())
    lines.append(f"settings: {settings or 'the usual ones'}")
    if record.get("edited"):
        lines.append("changed by hand after that")
    return lines


def command_again(file: Path) -> str:
    """Return the line that makes a file again, beside it and with “-again” in its name.

    Raises
    ------
    UserError
        When it says nothing, or no command would give it.
    """
    record = read_record(file)
    if record.get("edited"):
        raise no_command("it was changed by hand", "Keep the file itself.")
    return command_of(record, _again(file), file.name)


def command_of(record: MadeBy, output: Path, name: str) -> str:
    """Return the line that makes what a record tells of.

    Parameters
    ----------
    record
        What made it.
    output
        Where it goes.
    name
        What it is called, for messages.

    Raises
    ------
    UserError
        When no command would give it.
    """
    words = COMMANDS.get(record["by"])
    if words is None:
        raise no_command(f"it was made by “{record['by']}”", "Keep the file itself.")
    try:
        return as_line(words(record, output))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"What {name} says of itself is not complete",
            value=f"{type(error).__name__}: {error}",
            rule="It must be as U-Net Studio wrote it.",
            remedy="Use the file as it was written.",
        ) from error


def _segment(record: MadeBy, output: Path) -> list[str]:
    options = SegmentOptions.model_validate(record["options"])
    made, labels = record["made"], output
    if made != "labels":
        labels = output.with_name(f"{output.name.partition('.')[0]}-labels.tif")
    image = Path(record["inputs"]["image"]["path"])
    source = record["model"]["source"]
    if not source:
        raise no_command("the U-Net is not saved", "Keep it in the library first (Load U-Net).")
    words = segment_words(image, labels, source, options, record.get("axes"))
    if made != "labels":
        words += [f"--{made}", str(output)]
    return words + _reading(record, ("series", "level", "voxel_size"))


def _measure(record: MadeBy, output: Path) -> list[str]:
    words = ["napari-unet", "measure"]
    for what, entry in record["inputs"].items():
        words += [f"--{what.partition(' ')[0]}", entry["path"]]
    options = record["options"]
    words += ["-o", str(output), *_reading(record, ("axes",)), *_reading(options, ("ring",))]
    words += ["--planes"] if options.get("planes") else []
    words += [] if options.get("shape", True) else ["--no-shape"]
    return [*words, "--in-order"]


def _relabel(record: MadeBy, output: Path) -> list[str]:
    options = SegmentOptions.model_validate(record["options"])
    source = Path(record["inputs"]["probabilities"]["path"])
    words = segment_words(source, output, record["model"]["source"], options, record.get("axes"))
    return [words[0], "relabel", *words[2:]]


def _compare(record: MadeBy, output: Path) -> list[str]:
    options = SegmentOptions.model_validate(record["options"])
    image, now = Path(record["inputs"]["image"]["path"]), record["model"]["source"]
    words = segment_words(image, output, now, options, record.get("axes"))
    words[words.index("--model")] = "--now"
    return [words[0], "compare", *words[2:], "--before", record["before"]["source"]]


COMMANDS = {
    "segment": _segment,
    "measure": _measure,
    "relabel": _relabel,
    "compare": _compare,
    "finetune": finetune_words,
    "evaluate": evaluate_words,
}
"""How the words of a command follow from a record, by the command."""


def _reading(record: MadeBy, names: tuple[str, ...]) -> list[str]:
    return [
        word
        for name in names
        if name in record
        for word in (f"--{name.replace('_', '-')}", str(record[name]))
    ]


def _again(file: Path) -> Path:
    stem, dot, rest = file.name.partition(".")
    return file.absolute().with_name(f"{stem}-again{dot}{rest}")


def _changed(entry: dict[str, Any]) -> str:
    now = describe_file(Path(entry["path"]))["sha256"]
    if not now:
        return " (not there now)"
    return "" if now == entry["sha256"] else " (it has changed since)"
