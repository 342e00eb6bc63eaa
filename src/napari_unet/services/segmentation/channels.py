"""Which channels of an image go into a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.image.colour import (
    COLOUR_CHANNELS,
    SAMPLES,
    code_of,
    guess_colour_channel,
    has_colours,
    name_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec


def channel_indices(
    image: Image, spec: ModelSpec, chosen: Sequence[int | str] | None = None
) -> tuple[int, ...]:
    """Return which channels of an image are the network's inputs.

    Parameters
    ----------
    image, spec
        The image and the model's description.
    chosen
        Channels by number (from 0) or name; None: the first ones, or of a colour image for a network
        that takes one channel, one that is made of its colours.

    Raises
    ------
    UserError
        When the image has no such channels, or not as many as the network takes.
    """
    needed = spec.config.in_channels
    if chosen is None:
        by_colour = needed == 1 and has_colours(image)
        chosen = (guess_colour_channel(image),) if by_colour else range(needed)
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
    """Return which channels of several images are the network's inputs: the same in all.

    Raises
    ------
    UserError
        As `channel_indices`, and when a name means different channels.
    """
    if chosen is None and has_colours(images[0]):
        # the guess for the first holds for all
        indices = channel_indices(images[0], spec)
        chosen = [channel_name(images[0], c) if c < 0 else c for c in indices]
    first, *others = [channel_indices(image, spec, chosen) for image in images]
    for image, indices in zip(images[1:], others, strict=True):
        if indices != first:
            raise UserError(
                f"The channels of {image.name!r} are in another order than those of {images[0].name!r}",
                value=f"numbers {indices} and {first} for {chosen}",
                rule="Images that are trained on together must have the same order of channels.",
                remedy="Bring them into the same order, or train with one after the other.",
            )
    return first


def input_names(spec: ModelSpec, chosen: Sequence[int | str] | None) -> tuple[str, ...]:
    """Return the names of the inputs of a network that is trained on these channels.

    Parameters
    ----------
    spec
        The network it starts from, which is adapted if the number of its inputs differs.
    chosen
        Channels by number or name; None: as many as it has inputs.
    """
    if chosen is None or len(chosen) == len(spec.channels):
        return spec.channels
    return tuple(map(str, chosen))


def channel_name(image: Image, index: int) -> str:
    """Return the name of a channel; its number where it has none."""
    if index < 0:
        return name_of(index)
    named = len(image.channel_names) == image.n_channels
    if not named and has_colours(image):
        return SAMPLES[index]
    return image.channel_names[index] if named else str(index)


def channel_note(image: Image, indices: Sequence[int]) -> str:
    """Say which channels of an image a network sees where nobody chose; empty if these are all."""
    names = [channel_name(image, c) for c in indices]
    if names[0] in COLOUR_CHANNELS:
        return f"The colours were seen as {names[0]}; choose another channel by `channels=NAME`."
    if image.n_channels <= len(names):
        return ""
    plural = "s" if len(names) > 1 else ""
    return f"Of {image.n_channels} channels, the U-Net saw channel{plural} {', '.join(names)}."


def _index(image: Image, channel: int | str) -> int:
    if isinstance(channel, int):
        return channel
    if channel in image.channel_names:
        return image.channel_names.index(channel)
    if has_colours(image) and channel in COLOUR_CHANNELS:
        return code_of(channel)
    if has_colours(image) and channel in SAMPLES[: image.n_channels]:
        return SAMPLES.index(channel)
    if channel.isdigit():
        return int(channel)
    raise UserError(
        f"{image.name!r} has no channel {channel!r}",
        value=f"its channels are {_names(image) or 'not named'}",
        rule="A channel is given by its name, or by its number, which counts from 0.",
        remedy="Choose one of them.",
    )


def _names(image: Image) -> str:
    colours = (*SAMPLES[: image.n_channels], *COLOUR_CHANNELS) if has_colours(image) else ()
    return ", ".join(image.channel_names or colours)
