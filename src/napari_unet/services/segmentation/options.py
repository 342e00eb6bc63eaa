"""What a user can set about a segmentation, and which channels that means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.object_options import ObjectOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec


class SegmentOptions(BaseModel):
    """How to segment; the defaults suit most images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[int | str, ...] | None = Field(
        None,
        title="Channels",
        description="Image channels for the network's inputs, by number (from 0) or name; none: the "
        "first ones.",
    )
    normalization: Normalization | None = Field(
        None, title="Normalisation", description="None: the model's own."
    )
    rescale: bool = Field(
        True,
        title="Rescale",
        description="Bring the image to the pixel size that the model was trained with, where both are "
        "known and differ by a quarter or more. The result has the image's own pixels.",
    )
    pixel_size: float | None = Field(
        None,
        gt=0,
        title="Pixel size",
        description="Width of the image's pixels in µm, for rescaling, where the image states none or a "
        "wrong one. None: as it states.",
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Threshold",
        description="Probability above which a pixel is foreground; none: the model's own. Of no effect "
        "on models whose classes exclude each other.",
    )
    objects: bool | None = Field(
        None,
        title="Objects",
        description="Number objects instead of telling classes; none: as the model was made. Of a "
        "model of classes, objects are the connected parts.",
    )
    separation: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Separation",
        description="Objects only: how deep inside an object its core begins, as a share of the depth "
        "of its middle. Higher divides more; none: the model's own.",
    )
    smallest: float | None = Field(
        None,
        ge=0,
        title="Smallest object",
        description="Objects only: smaller ones are left out. In the image's unit squared, cubed for "
        "volumes; in pixels where the pixel size is not known. None: 10 pixels.",
    )
    fill_holes: bool = Field(
        True,
        title="Fill holes",
        description="Objects only: make holes inside an object part of it.",
    )
    mirror: bool = Field(
        False,
        title="Mirror",
        description="Average over mirror images: somewhat better, in 4 times the time for planes, 8 "
        "times for volumes.",
    )
    probabilities: bool = Field(
        False, title="Probabilities too", description="Also keep each class's probability."
    )
    uncertainty: bool = Field(
        False,
        title="Uncertainty too",
        description="Also keep how unsure the network is of each pixel, from 0 to 1.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", title="Device", description="auto: the graphics card if there is one, else the CPU."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        title="Precision",
        description="auto: 16 bit where the device is faster with it; float32 reproduces exactly.",
    )
    tile: int | None = Field(
        None,
        ge=1,
        title="Tile",
        description="Side of the tiles in pixels; none: as large as memory allows.",
    )
    memory: float | None = Field(
        None, gt=0, title="Memory", description="GiB that may be used; none: what is free."
    )


def tells_objects(spec: ModelSpec, options: SegmentOptions) -> bool:
    """Whether labels number objects, rather than tell classes."""
    return spec.task == "objects" if options.objects is None else options.objects


def object_options(spec: ModelSpec, options: SegmentOptions) -> ObjectOptions:
    """Return how objects are found in a model's outputs."""
    return ObjectOptions(
        foreground=spec.threshold if options.threshold is None else options.threshold,
        seed=spec.separation if options.separation is None else options.separation,
        smallest=options.smallest,
        fill_holes=options.fill_holes,
    )


def channel_indices(
    image: Image, spec: ModelSpec, chosen: Sequence[int | str] | None = None
) -> tuple[int, ...]:
    """Return which image channels go into the network.

    Parameters
    ----------
    image, spec
        The image, and what the model expects.
    chosen
        Channels by number (from 0) or name; None: the first ones.

    Raises
    ------
    UserError
        When the image has no such channels, or not as many as the network takes.
    """
    needed = spec.config.in_channels
    if chosen is None:
        chosen = range(needed)
    if needed > image.n_channels or len(chosen) != needed:
        has = image.n_channels if len(chosen) == needed else f"{len(chosen)} chosen"
        raise UserError(
            f"The channels of {image.name!r} do not fit the model",
            value=f"{has} channel(s), axes {image.axes!r}",
            rule=f"{spec.name!r} takes {needed}: {', '.join(spec.channels)}.",
            remedy="Choose that many channels, correct the axes, or load another model.",
        )
    return tuple(_index(image, c) for c in chosen)


def common_channels(
    images: Sequence[Image], spec: ModelSpec, chosen: Sequence[int | str] | None = None
) -> tuple[int, ...]:
    """Return which channels of several images go into the network; the same of all.

    Raises
    ------
    UserError
        As `channel_indices`, and when a name means different channels.
    """
    found = [channel_indices(image, spec, chosen) for image in images]
    for image, indices in zip(images, found, strict=True):
        if indices != found[0]:
            raise UserError(
                f"The channels of {image.name!r} are in another order than those of {images[0].name!r}",
                value=f"numbers {indices} and {found[0]} for {chosen}",
                rule="Images that are learnt together have their channels in one order.",
                remedy="Bring them into one order, or train with one after the other.",
            )
    return found[0]


def input_names(spec: ModelSpec, chosen: Sequence[int | str] | None) -> tuple[str, ...]:
    """Return what the inputs are called of a network that learns from these image channels.

    Parameters
    ----------
    spec
        The network it starts from, which is fitted to them if they are more or fewer than its inputs.
    chosen
        Channels by number or name; None: as many as there are inputs.
    """
    if chosen is None or len(chosen) == len(spec.channels):
        return spec.channels
    return tuple(map(str, chosen))


def _index(image: Image, channel: int | str) -> int:
    if isinstance(channel, int):
        return channel
    if channel in image.channel_names:
        return image.channel_names.index(channel)
    if channel.isdigit():
        return int(channel)
    raise UserError(
        f"{image.name!r} has no channel {channel!r}",
        value=f"its channels are {', '.join(image.channel_names) or 'not named'}",
        rule="A channel is chosen by its name, or its number counted from 0.",
        remedy="Choose one of them.",
    )
