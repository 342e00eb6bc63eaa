"""The description of a bioimage.io model package, formats 0.4 and 0.5, as far as we need it.

Format 0.5 is what the classes here hold; 0.4 is rewritten into it first. See the specification at
https://github.com/bioimage-io/spec-bioimage-io.
"""

from __future__ import annotations

from typing import Any, Literal

import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from napari_unet.core.errors import UserError

DESCRIPTION_BYTES = 1 << 20
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
    """Fields we have no use for are passed over."""

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
        """Capital letter, ``B`` for the batch."""
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
        """Names of the channels, empty if not given."""
        return next((axis.channel_names for axis in self.axes if axis.type == "channel"), ())


class Person(_Part):
    """An author."""

    name: str


class Citation(_Part):
    """What to cite."""

    text: str = ""
    doi: str | None = None


class Description(_Part):
    """A model's description."""

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


def parse(text: bytes, name: str) -> Description:
    """Read a description.

    Parameters
    ----------
    text
        The YAML.
    name
        Its file name, for the errors.

    Raises
    ------
    UserError
        When it isn't YAML, or no model description of format 0.4 or 0.5.
    """
    if len(text) > DESCRIPTION_BYTES:
        raise _refused(name, f"{len(text):,} bytes of text")
    try:
        raw = yaml.safe_load(text)
    # ValueError: dates that don't exist, bytes that are no text
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(name, str(error).partition("\n")[0]) from error
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise _refused(name, "no format_version in it")
    if raw.get("type") != "model":
        raise _refused(name, f"the description of a {raw.get('type', 'resource without type')}")
    version = str(raw["format_version"])
    if not version.startswith(("0.4.", "0.5.")):
        raise _refused(name, f"format {version}")
    try:
        return Description.model_validate(_newer(raw) if version.startswith("0.4.") else raw)
    except (ValidationError, TypeError, AttributeError, KeyError) as error:
        raise _refused(name, _first(error)) from error


def _refused(name: str, met: str) -> UserError:
    return UserError(
        f"{name} is no model description we can read",
        value=met,
        rule="It must be the YAML description of a bioimage.io model, format 0.4 or 0.5.",
        remedy="Choose the bioimageio.yaml or rdf.yaml of a model, or update it with the "
        "bioimageio.spec package.",
    )


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"a part of the wrong kind: {error}"
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"


def _newer(raw: dict[str, Any]) -> dict[str, Any]:
    """Rewrite what format 0.4 says differently from 0.5."""
    found = dict(raw)
    for side, tests in (("inputs", "test_inputs"), ("outputs", "test_outputs")):
        files = raw.get(tests) or []
        found[side] = [
            {
                "id": tensor.get("name", ""),
                "axes": [AXES_0_4[letter] for letter in tensor["axes"]],
                "preprocessing": [_step(step) for step in tensor.get("preprocessing") or []],
                "postprocessing": [_step(step) for step in tensor.get("postprocessing") or []],
                "test_tensor": {"source": files[i]} if i < len(files) else None,
            }
            for i, tensor in enumerate(raw[side])
        ]
    return found


def _step(step: dict[str, Any]) -> dict[str, Any]:
    kwargs = dict(step.get("kwargs") or {})
    mode, axes = kwargs.pop("mode", None), kwargs.pop("axes", None)
    if isinstance(axes, str):
        kwargs["axes"] = [AXES_0_4[a]["id"] for a in axes]
        if mode == "per_dataset":
            kwargs["axes"].append("batch")
    # mode is "fixed" by default, and only this step has it
    if step["name"] == "zero_mean_unit_variance" and mode in (None, "fixed"):
        return {"id": "fixed_zero_mean_unit_variance", "kwargs": kwargs}
    return {"id": step["name"], "kwargs": kwargs}
