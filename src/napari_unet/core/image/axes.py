"""Images with named axes.

An axis is named by one capital letter: ``T`` time, ``Z`` depth, ``C`` channel, ``S`` colour sample (the
last axis of an RGB image), ``Y``, ``X``. Any other letter is a further axis that is looped over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHANNEL_AXES = "CS"
"""Axes whose entries are channels of one pixel: channels and colour samples."""

Box = tuple[slice, ...]
"""A window of an array: a slice with start and stop for each axis."""

MAX_TRAILING_CHANNELS = 5
"""A last axis longer than this is taken for pixels."""

MICROMETERS = {
    **dict.fromkeys(["µm", "μm", "um", "micron", "microns", "micrometer", "micrometre"], 1.0),
    **dict.fromkeys(["micrometers", "micrometres", "\\u00b5m"], 1.0),
    **dict.fromkeys(["pm", "picometer", "picometre"], 1e-6),
    **dict.fromkeys(["å", "angstrom", "ångström"], 1e-4),
    **dict.fromkeys(["nm", "nanometer", "nanometre", "nanometers", "nanometres"], 1e-3),
    **dict.fromkeys(["mm", "millimeter", "millimetre", "millimeters", "millimetres"], 1e3),
    **dict.fromkeys(["cm", "centimeter", "centimetre", "centimeters", "centimetres"], 1e4),
    **dict.fromkeys(["in", "inch", "inches"], 25400.0),
    **dict.fromkeys(["m", "meter", "metre", "meters", "metres"], 1e6),
}
"""Length of a unit in micrometers, by its name in lower case."""


class Lazy(Protocol):
    """What the data of an image must offer; numpy, zarr, dask and memory-mapped arrays all do."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        ...

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class Image:
    """Pixels with named axes.

    Attributes
    ----------
    data
        The array, possibly lazy; it is only read window by window.
    axes
        A letter for each dimension of `data`, each used once; ``Y`` and ``X`` are required.
    scale
        Step size along each axis, in `unit` (``T``: in seconds where known). A missing axis counts as 1.
    unit
        Unit of the spatial scale, such as ``"micrometer"``; ``"pixel"`` if unknown.
    name
        Name for titles and messages.
    channel_names
        Names of the channels where the source states them, else empty.
    nodata
        The value that stands for "no data"; None: none but NaN, infinity and what exceeds float32.
    notes
        What one should know of how it was read, a sentence each.
    channel_colours
        Colour in which each channel is shown, as ``#rrggbb``, where the source states them, else empty.
    offset
        Position of the first pixel along each axis, in the units of `scale`; what is missing is 0.

    Raises
    ------
    UserError
        When the axes do not fit the shape of the data, or the image is empty.
    """

    data: Lazy
    axes: str
    scale: Mapping[str, float] = field(default_factory=dict)
    unit: str = "pixel"
    name: str = "image"
    channel_names: tuple[str, ...] = ()
    nodata: float | None = None
    notes: tuple[str, ...] = ()
    channel_colours: tuple[str, ...] = ()
    offset: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_axes(self.axes, self.data.shape)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis, in pixels."""
        return dict(zip(self.axes, self.data.shape, strict=True))

    @property
    def n_channels(self) -> int:
        """Number of channels; 1 without a channel axis."""
        return int(np.prod([self.sizes[a] for a in self.axes if a in CHANNEL_AXES], dtype=int))

    @property
    def may_lack_data(self) -> bool:
        """Whether its type or its "no data" value allow pixels without data."""
        return self.nodata is not None or np.dtype(self.data.dtype).kind == "f"

    def spacing(self, axes: str) -> tuple[float, ...]:
        """Pixel size along some axes, in `unit`; 1 along all of them if one is not a positive number."""
        sizes = tuple(float(self.scale.get(a, 1.0)) for a in axes)
        return sizes if all(np.isfinite(sizes)) and min(sizes) > 0 else (1.0,) * len(axes)

    @property
    def label_axes(self) -> str:
        """Axes of a label image that belongs to this image: the same without the channels."""
        return "".join(a for a in self.axes if a not in CHANNEL_AXES)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of a label image that belongs to this image."""
        return tuple(self.sizes[a] for a in self.label_axes)


def check_axes(axes: str, shape: Sequence[int]) -> None:
    """Check that `axes` can name the dimensions of an array of `shape`.

    Raises
    ------
    UserError
        When there are fewer than two dimensions, the letters are not one per dimension, each used once
        and with Y and X among them, or an axis has length 0.
    """
    rule = "Axes are one letter per dimension, each once, with Y and X among them; none is empty."
    if len(shape) < 2:
        raise UserError(
            "This is not an image",
            value=f"an array of shape {tuple(shape)}",
            rule=rule,
            remedy="Choose an array with two or more dimensions.",
        )
    if len(axes) != len(shape):
        raise UserError(
            "The axes do not fit the image",
            value=f"axes {axes!r} for shape {tuple(shape)}",
            rule=rule,
            remedy=f"Give {len(shape)} letters, for example {guess_axes(shape)!r}.",
        )
    letters = set(axes)
    if len(letters) != len(axes) or not set("YX") <= letters <= set(ascii_uppercase):
        raise UserError(
            "These axes can't be used",
            value=repr(axes),
            rule=rule,
            remedy=f"For shape {tuple(shape)}, use for example {guess_axes(shape)!r}.",
        )
    if 0 in shape:
        raise UserError(
            "The image is empty",
            value=f"axes {axes!r}, shape {tuple(shape)}",
            rule=rule,
            remedy="Choose an image that has pixels along every axis.",
        )


def may_end_in_channels(shape: Sequence[int]) -> bool:
    """Whether the last axis of an array is too short for pixels, unlike those before: it is channels."""
    return len(shape) > 2 and 2 <= shape[-1] <= MAX_TRAILING_CHANNELS < min(shape[-3:-1])


def guess_axes(shape: Sequence[int]) -> str:
    """Return axes for an array that states none: the last letters of ``TZYX``, never RGB.

    A last axis of 2 to 5 behind two longer ones is channels. Further leading dimensions get letters
    without a meaning of their own.
    """
    if may_end_in_channels(shape):
        return guess_axes(shape[:-1]) + "C"
    known = "TZYX"
    if len(shape) <= len(known):
        return known[len(known) - len(shape) :]
    extra = list("QPRWVUABDEFGHIJKLMNO")[: len(shape) - len(known)]
    return "".join(extra) + known
