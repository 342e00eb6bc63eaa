"""A stack as compressed TIFF with its axes, voxel size and channel names, written plane by plane."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tifffile

from napari_unet.core.atomic import atomic_path
from napari_unet.core.image.axes import MICROMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image, Lazy

STANDARD_AXES = "TZCYX"
"""The order of axes that ImageJ and most readers of OME-TIFF expect."""
CLASSIC_BYTES = (4 << 30) - (64 << 20)
"""Pixels that surely fit into a classic TIFF with its headers; more go into a BigTIFF."""

NOT_OME = ("int64", "uint64", "float16")
"""Types of pixels that OME-XML has no word for."""

Notation = Literal["imagej", "ome", "json"]
"""How axes and scale are noted: as ImageJ does, as OME-XML, or as tifffile does by itself."""


@dataclass(frozen=True)
class Stack:
    """An array to be written plane by plane, with its axes put in the standard order."""

    data: Lazy
    own_axes: str
    dtype: np.dtype[Any]

    @property
    def axes(self) -> str:
        """Axes in the order of writing: the channels, if many, before Y and X; none if one."""
        if "C" not in self.own_axes:
            return self.own_axes
        rest = self.own_axes.replace("C", "")
        if self.size("C") == 1:
            return rest
        return rest[:-2] + "C" + rest[-2:] if rest.endswith("YX") else "C" + rest

    def size(self, axis: str) -> int:
        """Length of an axis."""
        return self.data.shape[self.own_axes.index(axis)]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths in the order of writing."""
        return tuple(map(self.size, self.axes))

    @property
    def nbytes(self) -> int:
        """Bytes in all, before compression."""
        return math.prod(self.shape) * self.dtype.itemsize

    def planes(self) -> Iterator[NDArray[Any]]:
        """Yield planes of the last two axes, in the order of writing."""
        looped, last = self.axes[:-2], self.axes[-2:]
        for place in itertools.product(*(range(self.size(a)) for a in looped)):
            at: dict[str, int | slice] = dict(zip(looped, place, strict=True))
            key = tuple(at.get(a, slice(None) if a in last else 0) for a in self.own_axes)
            plane = np.asarray(self.data[key])
            if self.own_axes.index(last[0]) > self.own_axes.index(last[1]):
                plane = plane.T
            yield np.ascontiguousarray(plane, self.dtype)


def write_stack(path: Path, stack: Stack, image: Image, names: Sequence[str] = ()) -> None:
    """Write a stack with the scale of `image` and the `names` of its channels.

    Raises
    ------
    UserError
        When the file can't be written; then nothing is left behind.
    """
    notation = _notation(path, stack)
    scale, unit = _scale(stack, image)
    said = _ome(scale, unit) if notation == "ome" else _imagej(scale, unit)
    if names and "C" in stack.axes:
        said |= _names(stack, names, notation)
    resolution = {"resolution": (1 / scale.get("X", 1), 1 / scale.get("Y", 1))} if scale else {}
    big = stack.nbytes > CLASSIC_BYTES
    pixels: Any = stack.planes()
    if notation == "json" and stack.shape[-1] == 1:
        # tifffile takes a last axis of length 1 for samples of a pixel, planes of it for pages
        pixels = np.stack(list(pixels)).reshape(stack.shape)
    with (
        atomic_path(path) as part,
        # opened here, since the writer would leave it open if the disk were full at once
        part.open("wb") as handle,
        tifffile.TiffWriter(
            handle, bigtiff=big, imagej=notation == "imagej", ome=notation == "ome"
        ) as file,
    ):
        file.write(
            pixels,
            shape=stack.shape,
            dtype=stack.dtype,
            photometric="minisblack",
            compression="zlib",
            metadata={"axes": stack.axes, **said},
            **resolution,
        )


def _notation(path: Path, stack: Stack) -> Notation:
    """Choose the plainest notation that can hold a stack."""
    standard = stack.axes == "".join(a for a in STANDARD_AXES if a in stack.axes)
    # ImageJ and OME don't tell an axis of length 1 from none
    if not standard or 1 in stack.shape[:-2] or stack.dtype.name in NOT_OME:
        return "json"
    held = stack.dtype.name in ("uint8", "uint16", "float32") and stack.nbytes <= CLASSIC_BYTES
    held = held and stack.shape[-1] > 1  # nor does tifffile's ImageJ tell columns from samples
    named_ome = re.search(r"\.ome\.tiff?$", path.name, re.IGNORECASE)
    return "imagej" if held and not named_ome else "ome"


def _scale(stack: Stack, image: Image) -> tuple[dict[str, float], str]:
    """Voxel size of an image along the axes of a stack, in micrometers if its unit is a length."""
    factor = MICROMETERS.get(image.unit.lower())
    scale = {a: n for a, n in image.scale.items() if a in stack.axes}
    for a in scale.keys() & set("ZYX"):
        scale[a] *= factor or 1
    return scale, "pixel" if factor is None else "micron"


def _imagej(scale: Mapping[str, float], unit: str) -> dict[str, Any]:
    """Note the scale as ImageJ does, the size of a pixel apart, which is in tags."""
    said: dict[str, Any] = {"unit": unit} if scale.keys() & set("ZYX") else {}
    keys = {"Z": "spacing", "T": "finterval"}
    return said | {keys[a]: scale[a] for a in keys if a in scale}


def _ome(scale: Mapping[str, float], unit: str) -> dict[str, Any]:
    """Note the scale as OME does."""
    said: dict[str, Any] = {}
    for a in scale.keys() & set("ZYX"):
        said[f"PhysicalSize{a}"] = scale[a]
        said[f"PhysicalSize{a}Unit"] = "µm" if unit == "micron" else "pixel"
    if "T" in scale:
        said |= {"TimeIncrement": scale["T"], "TimeIncrementUnit": "s"}
    return said


def _names(stack: Stack, names: Sequence[str], notation: Notation) -> dict[str, Any]:
    """Note the names of the channels."""
    if notation == "ome":
        return {"Channel": {"Name": list(names)}}
    if notation == "imagej":
        # ImageJ has a label for each plane, and channels run fastest
        return {"Labels": list(names) * (math.prod(stack.shape[:-2]) // len(names))}
    return {"channel_names": list(names)}
