"""Planes and volumes of an image, channels first: the one place that knows axis order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import CHANNEL_AXES
from napari_unet.core.image.colour import COLOUR_CHANNELS, combine, has_colours, name_of
from napari_unet.core.image.missing import mark_missing, missing_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Image


@dataclass(frozen=True)
class Frame:
    """What a network sees at once: a plane (2-D) or a volume (3-D) of an image, channels first.

    Attributes
    ----------
    image
        The image it is part of.
    index
        Position along each axis that is looped over.
    channels
        Indices of the channels that go into the network, in its order; below 0: those made of colours
        (`code_of`).
    spatial
        ``"YX"`` or ``"ZYX"``: the order of the spatial axes in this frame, whatever the image's own.
    """

    image: Image
    index: Mapping[str, int]
    channels: tuple[int, ...]
    spatial: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape, without the channels."""
        return tuple(self.image.sizes[a] for a in self.spatial)

    @property
    def title(self) -> str:
        """The position, such as ``T=3 Z=10``; empty if nothing is looped over."""
        return " ".join(f"{a}={i}" for a, i in self.index.items())

    def read(self, box: Box) -> NDArray[Any]:
        """Read a window, in the image's own dtype, or as floats where pixels lack data.

        Parameters
        ----------
        box
            A slice for each spatial axis, inside the frame.

        Returns
        -------
        ndarray
            The channels, then the spatial axes. Pixels without data are NaN: those that are infinite,
            have the image's "no data" value, or lie beyond the range of float32.
        """
        key_of = dict(zip(self.spatial, box, strict=True))
        remaining = "".join(a for a in self.image.axes if a not in self.index)
        colour = "".join(a for a in CHANNEL_AXES if a in remaining)
        first = 0
        if len(colour) == 1 and min(self.channels) >= 0:
            # channels are often stored as pages: those not asked for need not be decoded
            first = min(self.channels)
            key_of[colour] = slice(first, max(self.channels) + 1)
        key = tuple(
            self.index[a] if a in self.index else key_of.get(a, slice(None))
            for a in self.image.axes
        )
        block = np.asarray(self.image.data[key])
        block = block.transpose([remaining.index(a) for a in colour + self.spatial])
        block = block.reshape(-1, *block.shape[len(colour) :])
        if min(self.channels) < 0:
            return np.stack(
                [combine(block, name_of(c)) if c < 0 else block[c] for c in self.channels]
            )
        channels = [c - first for c in self.channels]
        if channels != list(range(len(block))):
            block = block[channels]
        return mark_missing(block, self.image.nodata)

    def missing(self) -> NDArray[np.bool_] | None:
        """Return which pixels have data in no channel of the image; None if all have some.

        Raises
        ------
        UserError
            When the pixels can't be read.
        """
        if not self.image.may_lack_data:
            return None
        every = replace(self, channels=tuple(range(self.image.n_channels)))
        return missing_pixels(every.read(tuple(slice(0, n) for n in self.shape)))

    def write(self, out: Any, box: Box, block: NDArray[Any]) -> None:
        """Write a spatial block into an array with the image's label axes.

        Parameters
        ----------
        out
            The array to write to, of the image's label shape.
        box
            A slice for each spatial axis, inside the frame.
        block
            The values, of the shape of `box`.
        """
        key, order = self.label_index(box)
        out[key] = block.transpose(order)

    def label_index(self, box: Box) -> tuple[tuple[slice | int, ...], tuple[int, ...]]:
        """Index of a spatial window in a label array, and how to transpose a block to fit it.

        Parameters
        ----------
        box
            A slice for each spatial axis, inside the frame.

        Returns
        -------
        key
            A slice or a number for each label axis of the image.
        order
            Order of the spatial axes in the array: ``array[key] = block.transpose(order)``.
        """
        key_of = dict(zip(self.spatial, box, strict=True))
        axes = self.image.label_axes
        key = tuple(self.index[a] if a in self.index else key_of[a] for a in axes)
        order = tuple(self.spatial.index(a) for a in axes if a in key_of)
        return key, order


def frames(image: Image, spatial: str, channels: Sequence[int]) -> list[Frame]:
    """Cut an image into what a network sees at once, in the order of the axes that are looped over.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` for a 2-D network, ``"ZYX"`` for a 3-D one.
    channels
        Indices of the channels to use, counted from 0; below 0: channels made of colours.

    Returns
    -------
    list of Frame
        A frame for each plane or volume.

    Raises
    ------
    UserError
        When the image lacks a spatial axis or a channel.
    """
    missing = [a for a in spatial if a not in image.axes]
    if missing:
        raise UserError(
            f"{image.name!r} has no {' and '.join(missing)} axis",
            value=f"axes {image.axes!r}",
            rule=f"This {len(spatial)}-D model needs {', '.join(spatial)}.",
            remedy="Correct the axes if one is named wrongly, or load a 2-D model.",
        )
    lowest = -len(COLOUR_CHANNELS) if has_colours(image) else 0
    absent = [c for c in channels if not lowest <= c < image.n_channels]
    if absent:
        raise UserError(
            f"{image.name!r} has no channel {absent[0]}",
            value=f"{image.n_channels} channel(s), counted from 0",
            rule="A channel is chosen by its number.",
            remedy="Choose a channel that the image has.",
        )
    looped = [a for a in image.label_axes if a not in spatial]
    positions = itertools.product(*(range(image.sizes[a]) for a in looped))
    return [
        Frame(image, dict(zip(looped, position, strict=True)), tuple(channels), spatial)
        for position in positions
    ]
