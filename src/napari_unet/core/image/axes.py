"""The one place that knows axis order: from any image to planes or volumes, channels first.

Axes are one capital letter each: ``T`` time, ``Z`` depth, ``C`` channel, ``S`` colour sample (the last
axis of an RGB image), ``Y``, ``X``; any other letter is a further axis that is looped over.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CHANNEL_AXES = "CS"
Box = tuple[slice, ...]


class Lazy(Protocol):
    """What an image's data must offer: numpy, zarr, dask and memory-mapped arrays all do."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102
    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class Image:
    """Pixels with named axes.

    Attributes
    ----------
    data
        Array, possibly lazy, read only by windows.
    axes
        A letter for each dimension of `data`, each once; ``Y`` and ``X`` must be there.
    scale
        Size of a step along an axis, in `unit` (``T``: in seconds if known). Missing axes count 1.
    unit
        Unit of the spatial scale, such as ``"micrometer"``; ``"pixel"`` when unknown.
    name
        For titles and messages.
    channel_names
        Names of the channels where the source tells them, else empty.
    """

    data: Lazy
    axes: str
    scale: Mapping[str, float] = field(default_factory=dict)
    unit: str = "pixel"
    name: str = "image"
    channel_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_axes(self.axes, self.data.shape)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis."""
        return dict(zip(self.axes, self.data.shape, strict=True))

    @property
    def n_channels(self) -> int:
        """Number of channels; an image without channel axis has one."""
        return int(np.prod([self.sizes[a] for a in self.axes if a in CHANNEL_AXES], dtype=int))

    def spacing(self, axes: str) -> tuple[float, ...]:
        """Pixel size along some axes; 1 along all where one of them makes no sense, such as 0."""
        found = tuple(float(self.scale.get(a, 1.0)) for a in axes)
        return found if all(np.isfinite(found)) and min(found) > 0 else (1.0,) * len(axes)

    @property
    def label_axes(self) -> str:
        """Axes of a label image of this image: its own, without the channels."""
        return "".join(a for a in self.axes if a not in CHANNEL_AXES)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of a label image of this image."""
        return tuple(self.sizes[a] for a in self.label_axes)


def check_axes(axes: str, shape: Sequence[int]) -> None:
    """Raise a `UserError` unless `axes` can name the dimensions of `shape`."""
    rule = "Axes are one letter a dimension, each once, with Y and X among them, none of length 0."
    if len(shape) < 2:
        raise UserError(
            "This is no image",
            value=f"an array of shape {tuple(shape)}",
            rule=rule,
            remedy="Choose an array of two dimensions or more.",
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
            "The axes can't be used",
            value=repr(axes),
            rule=rule,
            remedy=f"For shape {tuple(shape)}, {guess_axes(shape)!r} would do.",
        )
    if 0 in shape:
        raise UserError(
            "The image is empty",
            value=f"axes {axes!r}, shape {tuple(shape)}",
            rule=rule,
            remedy="Choose an image that has pixels along every axis.",
        )


def guess_axes(shape: Sequence[int]) -> str:
    """Axes for an array that comes with none: the last of ``TZYX``, never RGB."""
    known = "TZYX"
    if len(shape) <= len(known):
        return known[len(known) - len(shape) :]
    extra = list("QPRWVUABDEFGHIJKLMNO")[: len(shape) - len(known)]
    return "".join(extra) + known


@dataclass(frozen=True)
class Frame:
    """What a network sees at once: one plane (2-D) or one volume (3-D) of an image, channels first.

    Attributes
    ----------
    image
        The image it is cut from.
    index
        Position along each looped axis.
    channels
        Indices of the channels that go into the network, in its order.
    spatial
        ``"YX"`` or ``"ZYX"``: the order of the spatial axes here, whatever the image's own.
    """

    image: Image
    index: Mapping[str, int]
    channels: tuple[int, ...]
    spatial: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape, without channels."""
        return tuple(self.image.sizes[a] for a in self.spatial)

    def read(self, box: Box) -> NDArray[Any]:
        """Read a window, in the image's own dtype.

        Parameters
        ----------
        box
            A slice for each spatial axis, inside the frame.

        Returns
        -------
        ndarray
            Channels first, then the spatial axes.

        Raises
        ------
        UserError
            When a pixel of the window is NaN or infinite.
        """
        where = dict(zip(self.spatial, box, strict=True))
        left = "".join(a for a in self.image.axes if a not in self.index)
        colour = "".join(a for a in CHANNEL_AXES if a in left)
        first = 0
        if len(colour) == 1:
            # channels are often pages of their own: those not asked for need not be decoded
            first = min(self.channels)
            where[colour] = slice(first, max(self.channels) + 1)
        key = tuple(
            self.index[a] if a in self.index else where.get(a, slice(None)) for a in self.image.axes
        )
        block = np.asarray(self.image.data[key])
        block = block.transpose([left.index(a) for a in colour + self.spatial])
        block = block.reshape(-1, *block.shape[len(colour) :])
        wanted = [c - first for c in self.channels]
        if wanted != list(range(len(block))):
            block = block[wanted]
        self._check_finite(block)
        return block

    def write(self, out: Any, box: Box, block: NDArray[Any]) -> None:
        """Write a spatial `block` into label array `out`, which has the image's label axes."""
        key, order = self.label_index(box)
        out[key] = block.transpose(order)

    def label_index(self, box: Box) -> tuple[tuple[slice | int, ...], tuple[int, ...]]:
        """Where a spatial window lies in a label array, and how to transpose a block of it."""
        where = dict(zip(self.spatial, box, strict=True))
        axes = self.image.label_axes
        key = tuple(self.index[a] if a in self.index else where[a] for a in axes)
        order = tuple(self.spatial.index(a) for a in axes if a in where)
        return key, order

    def _check_finite(self, block: NDArray[Any]) -> None:
        if block.dtype.kind in "fc" and not np.isfinite(block).all():
            bad = int(np.size(block) - np.count_nonzero(np.isfinite(block)))
            raise UserError(
                f"{self.image.name!r} has pixels that are not numbers",
                value=f"{bad} NaN or infinite pixels near {self.title or 'the first plane'}",
                rule="Every pixel must be a finite number.",
                remedy="Replace them before segmenting, for example with numpy.nan_to_num.",
            )

    @property
    def title(self) -> str:
        """Such as ``T=3 Z=10``; empty when nothing is looped over."""
        return " ".join(f"{a}={i}" for a, i in self.index.items())


def frames(image: Image, spatial: str, channels: Sequence[int]) -> list[Frame]:
    """Cut an image into what a network sees at once, in the order of its looped axes.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` for a 2-D network, ``"ZYX"`` for a 3-D one.
    channels
        Indices of the channels to use.

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
    absent = [c for c in channels if not 0 <= c < image.n_channels]
    if absent:
        raise UserError(
            f"{image.name!r} has no channel {absent[0]}",
            value=f"{image.n_channels} channel(s)",
            rule="Channels count from 0.",
            remedy="Choose a channel that the image has.",
        )
    loops = [a for a in image.label_axes if a not in spatial]
    steps = itertools.product(*(range(image.sizes[a]) for a in loops))
    return [
        Frame(image, dict(zip(loops, step, strict=True)), tuple(channels), spatial)
        for step in steps
    ]


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
