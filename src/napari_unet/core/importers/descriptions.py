"""The parts that we need of the description of a bioimage.io model package, formats 0.4 and 0.5.

The classes follow format 0.5; format 0.4 is converted to it first. The specification is at
https://github.com/bioimage-io/spec-bioimage-io.
"""

from __future__ import annotations

from typing import Any, Literal

import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from napari_unet.core.errors import UserError
from napari_unet.core.importers.yaml_text import load_yaml

MAX_DESCRIPTION_BYTES = 1 << 18
"""Largest description that is read; they have some thousand bytes."""


AXES_0_4 = {
    "b": {"type": "batch", "id": "batch"},
    "c": {"type": "channel", "id": "channel"},
    "t": {"type": "time", "id": "time"},
    "i": {"type": "index", "id": "index"},
    "z": {"type": "space", "id": "z"},
    "y": {"type": "space", "id": "y"},
    "x": {"type": "space", "id": "x"},
}


class _Part(BaseModel):
    """A part of a description; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class FileReference(_Part):
    """A file of the package, by relative path or URL."""

    source: str
    sha256: str | None = None


class Axis(_Part):
    """An axis of a tensor."""

    type: Literal["batch", "channel", "space", "time", "index"]
    id: str = "x"
    scale: float = 1.0
    unit: str | None = None
    channel_names: tuple[str, ...] = ()

    @property
    def letter(self) -> str:
        """Capital letter of the axis; ``B`` for the batch."""
        return (self.id if self.type == "space" else self.type)[:1].upper()


class Step(_Part):
    """A step of pre- or postprocessing."""

    id: str
    settings: dict[str, Any] = Field(default={}, validation_alias=AliasChoices("kwargs"))


class TensorDescription(_Part):
    """An input or output."""

    id: str = ""
    axes: tuple[Axis, ...]
    preprocessing: tuple[Step, ...] = ()
    postprocessing: tuple[Step, ...] = ()
    test_tensor: FileReference | None = None

    @property
    def letters(self) -> str:
        """Axes as letters, such as ``BCYX``."""
        return "".join(axis.letter for axis in self.axes)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels; empty if not given."""
        return next((axis.channel_names for axis in self.axes if axis.type == "channel"), ())


class Person(_Part):
    """An author."""

    name: str


class Citation(_Part):
    """A publication to cite."""

    text: str = ""
    doi: str | None = None


class Description(_Part):
    """The description of a model."""

    type: Literal["model"]
    format_version: str
    name: str = Field(min_length=1)
    description: str | None = None
    license: str | None = None
    authors: tuple[Person, ...] = ()
    cite: tuple[Citation, ...] = ()
    inputs: tuple[TensorDescription, ...] = Field(min_length=1)
    outputs: tuple[TensorDescription, ...] = Field(min_length=1)
    weights: dict[str, FileReference]
    config: dict[str, Any] = {}


def parse(text: bytes, name: str) -> Description:
    """Parse the description of a model.

    Parameters
    ----------
    text
        The YAML text.
    name
        Its file name, for messages.

    Raises
    ------
    UserError
        When it is not YAML, or not the description of a model in format 0.4 or 0.5.
    """
    if len(text) > MAX_DESCRIPTION_BYTES:
        raise _refused(name, f"{len(text):,} bytes of text")
    try:
        raw = load_yaml(text)
    # ValueError: dates that do not exist, bytes that are not text
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(name, str(error).partition("\n")[0]) from error
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise _refused(name, "it has no format_version")
    if raw.get("type") != "model":
        raise _refused(name, f"it describes a {raw.get('type', 'resource without type')}")
    version = str(raw["format_version"])
    if not version.startswith(("0.4.", "0.5.")):
        raise _refused(name, f"it has format {version}")
    try:
        return Description.model_validate(_converted(raw) if version.startswith("0.4.") else raw)
    except (ValidationError, TypeError, AttributeError, KeyError) as error:
        raise _refused(name, _first_error(error)) from error


def _refused(name: str, cause: str) -> UserError:
    return UserError(
        f"{name} is not a model description that can be read",
        value=cause,
        rule="It must be the YAML description of a bioimage.io model, format 0.4 or 0.5.",
        remedy="Choose the bioimageio.yaml or rdf.yaml of a model, or convert it with the Python "
        "package bioimageio.spec.",
    )


def _first_error(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"a part has the wrong type: {error}"
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _converted(raw: dict[str, Any]) -> dict[str, Any]:
    """Convert the fields of format 0.4 that differ in 0.5."""
    converted = dict(raw)
    for side, tests in (("inputs", "test_inputs"), ("outputs", "test_outputs")):
        files = raw.get(tests) or []
        converted[side] = [
            {
                "id": tensor.get("name", ""),
                "axes": [AXES_0_4[letter] for letter in tensor["axes"]],
                "preprocessing": [_step(step) for step in tensor.get("preprocessing") or []],
                "postprocessing": [_step(step) for step in tensor.get("postprocessing") or []],
                "test_tensor": {"source": files[i]} if i < len(files) else None,
            }
            for i, tensor in enumerate(raw[side])
        ]
    return converted


def _step(step: dict[str, Any]) -> dict[str, Any]:
    kwargs = dict(step.get("kwargs") or {})
    mode, axes = kwargs.pop("mode", None), kwargs.pop("axes", None)
    if isinstance(axes, str):
        kwargs["axes"] = [AXES_0_4[a]["id"] for a in axes]
        if mode == "per_dataset":
            kwargs["axes"].append("batch")
    # mode is "fixed" by default; no other step has this mode
    if step["name"] == "zero_mean_unit_variance" and mode in (None, "fixed"):
        return {"id": "fixed_zero_mean_unit_variance", "kwargs": kwargs}
    return {"id": step["name"], "kwargs": kwargs}
