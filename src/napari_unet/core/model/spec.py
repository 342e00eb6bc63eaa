"""A model: its description, which is saved with it, and its network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.architecture import Architecture
from napari_unet.core.model.object_options import ObjectOptions

if TYPE_CHECKING:
    from napari_unet.core.model.architecture import Network


Task = Literal["semantic", "objects"]
"""Classes of pixels, or objects that are told apart."""

OBJECT_OUTPUTS = ("foreground", "boundary", "distance")
"""Output channels of a network for objects."""

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


class Provenance(BaseModel):
    """Where a model comes from."""

    model_config = ConfigDict(frozen=True, extra="allow")

    origin: str = Field("", title="Origin", description="File, package or training run.")
    format: str = Field("", title="Format it was read from")
    parent: str = Field("", title="SHA-256 of the parent model's weights")
    package_version: str = Field("", title="Version of U-Net Studio that wrote it")
    verified_error: float | None = Field(
        None,
        title="Verification",
        description="Largest absolute difference from the test output that came with the model.",
    )
    training: dict[str, Any] = Field(
        {}, title="Training", description="Options, annotations, curve and scores of the training."
    )


class ModelSpec(BaseModel):
    """Everything about a model but its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, title="Name")
    description: str = Field("", title="Description")
    config: Architecture
    channels: tuple[str, ...] = Field((), title="Names of the input channels")
    classes: tuple[str, ...] = Field(
        (),
        title="Names of the output channels",
        description="With softmax the first is the background.",
    )
    task: Task = Field(
        "semantic",
        title="Task",
        description="semantic: a class for each pixel; objects: foreground, boundary and distance, "
        "from which objects are told apart.",
    )
    activation: Literal["softmax", "sigmoid", "none"] = Field(
        "softmax",
        title="Activation",
        description="softmax: classes exclude each other; sigmoid: each channel is a probability of its "
        "own; none: the network's outputs are probabilities already.",
    )
    threshold: float = Field(
        0.5, ge=0, le=1, title="Threshold", description="sigmoid and none only."
    )
    separation: float = Field(
        ObjectOptions.model_fields["seed"].default,
        ge=0,
        le=1,
        title="Separation",
        description="objects only: how deep inside an object its core begins. Long or branched objects "
        "need less than round ones, or they are split.",
    )
    normalization: Normalization = Normalization()
    pixel_size: tuple[float, ...] = Field(
        (), title="Pixel size", description="In micrometers, per spatial axis; empty if unknown."
    )
    diameter: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        title="Diameter",
        description="Typical diameter of the objects it learnt, in pixels along X; None if unknown.",
    )
    license: str = Field("", title="Licence")
    authors: tuple[str, ...] = Field((), title="Authors")
    citation: tuple[str, ...] = Field((), title="Please cite")
    provenance: Provenance = Provenance()

    @model_validator(mode="before")
    @classmethod
    def _names(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "config" not in values:
            return values
        values = dict(values)
        config = _ARCHITECTURE.validate_python(values["config"])
        if not values.get("channels"):
            values["channels"] = tuple(f"channel {i}" for i in range(config.in_channels))
        if values.get("task") == "objects":
            values |= {"classes": OBJECT_OUTPUTS, "activation": "sigmoid"}
        if not values.get("classes"):
            softmax = values.get("activation", "softmax") == "softmax"
            values["classes"] = default_classes(config.out_channels, softmax)
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.channels) != self.config.in_channels:
            raise ValueError(f"{self.config.in_channels} channel names are needed")
        if len(self.classes) != self.config.out_channels:
            raise ValueError(f"{self.config.out_channels} class names are needed")
        if self.pixel_size and len(self.pixel_size) != self.config.ndim:
            raise ValueError(f"pixel_size needs {self.config.ndim} numbers or none")
        if not all(0 < size < inf for size in self.pixel_size):
            raise ValueError("pixel_size needs numbers above 0")
        if self.activation == "softmax" and self.config.out_channels < 2:
            raise ValueError("softmax needs two output channels or more; use sigmoid")
        return self

    @property
    def axes(self) -> str:
        """Spatial axes, ``YX`` or ``ZYX``."""
        return self.config.spatial

    @property
    def label_names(self) -> dict[int, str]:
        """Class name of each label value, without the background (0); objects are all of one class."""
        if self.task == "objects":
            return {1: "foreground"}
        first = 0 if self.activation == "softmax" else 1
        return {i + first: name for i, name in enumerate(self.classes) if i + first > 0}


def default_classes(n: int, softmax: bool) -> tuple[str, ...]:
    """Return names for classes that come without.

    Parameters
    ----------
    n
        Number of output channels.
    softmax
        Whether they exclude each other, so that the first is the background.
    """
    if n == 1:
        return ("foreground",)
    if softmax:
        return ("background", *(f"class {i}" if n > 2 else "foreground" for i in range(1, n)))
    return tuple(f"class {i}" for i in range(1, n + 1))


@dataclass(frozen=True)
class Model:
    """A network and its description.

    Attributes
    ----------
    spec
        The description.
    network
        The network in evaluation mode, float32, on the CPU.
    """

    spec: ModelSpec
    network: Network


def with_diameter(model: Model, diameter: float | None) -> Model:
    """Return a model that states another diameter of the objects that it has learnt.

    Raises
    ------
    UserError
        When the diameter is not above 0.
    """
    if diameter is not None and not 0 < diameter < inf:
        raise UserError(
            "This can't be the diameter of objects",
            value=diameter,
            rule="It is a number of pixels above 0.",
            remedy="Measure a typical object in an image that the model was trained with.",
        )
    return replace(model, spec=model.spec.model_copy(update={"diameter": diameter}))
