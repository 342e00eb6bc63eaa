"""Write a stack as compressed TIFF with axes, voxel size and channel names, plane by plane."""

from __future__ import annotations

import itertools
import math
import re
import tempfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import tifffile

from napari_unet.core.atomic import atomic_path, explained_writing
from napari_unet.core.image.axes import MICROMETERS
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image, Lazy

STANDARD_AXES = "TZCYX"
"""The order of axes that ImageJ and most readers of OME-TIFF expect."""
CLASSIC_BYTES = (4 << 30) - (64 << 20)
"""Bytes of pixels that fit into a classic TIFF with its headers; more go into a BigTIFF."""

STRIP_BYTES = 1 << 18
"""Bytes of pixels that are compressed together."""

SPOOL_BYTES = 1 << 26
"""Compressed bytes that are kept in memory before they are written."""

NOT_OME = ("int64", "uint64", "float16")
"""Types of pixels that OME-XML does not define."""

Notation = Literal["imagej", "ome", "json"]
"""How axes and scale are stored: as ImageJ does, as OME-XML, or as JSON by tifffile."""


class Embedded(NamedTuple):
    """A text to be kept in a file, and the identifier of the file in OME-XML; empty: a new one."""

    tag: int
    value: str
    uuid: str = ""


@dataclass(frozen=True)
class Stack:
    """An array to be written plane by plane, with its axes in standard order."""

    data: Lazy
    own_axes: str
    dtype: np.dtype[Any]

    @property
    def axes(self) -> str:
        """Axes in the order of writing: several channels before Y and X; a single one is dropped."""
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
        """Size in bytes, before compression."""
        return math.prod(self.shape) * self.dtype.itemsize

    def planes(self) -> Iterator[NDArray[Any]]:
        """Yield planes of the last two axes, in the order of writing."""
        looped, last = self.axes[:-2], self.axes[-2:]
        for index in itertools.product(*(range(self.size(a)) for a in looped)):
            position: dict[str, int | slice] = dict(zip(looped, index, strict=True))
            key = tuple(position.get(a, slice(None) if a in last else 0) for a in self.own_axes)
            plane = np.asarray(self.data[key])
            if self.own_axes.index(last[0]) > self.own_axes.index(last[1]):
                plane = plane.T
            yield np.ascontiguousarray(plane, self.dtype)


def write_stack(
    path: Path,
    stack: Stack,
    image: Image,
    names: Sequence[str] = (),
    text: Embedded | None = None,
) -> None:
    """Write a stack with the scale of `image`, the `names` of its channels, and what made it.

    Raises
    ------
    UserError
        When the file can't be written; no part of it is left behind.
    """
    pixels: Any = stack.planes()
    if _is_ambiguous(path, stack):
        pixels = np.stack(list(pixels)).reshape(stack.shape)
    _write(path, stack, image, names, text, pixels)


def stack_written(
    path: Path,
    stack: Stack,
    image: Image,
    names: Sequence[str] = (),
    text: Embedded | None = None,
) -> Job[None]:
    """Write a stack as `write_stack` does, step by step: to cancel, close it.

    Planes are compressed as they come; what is long to write waits on disk.

    Yields
    ------
    Progress
        In units of planes.

    Raises
    ------
    UserError
        As `write_stack`.
    """
    if _is_ambiguous(path, stack):
        yield Progress(0, 1, "writing")
        write_stack(path, stack, image, names, text)
        return
    rows = max(1, STRIP_BYTES // (stack.shape[-1] * stack.dtype.itemsize))
    n = math.prod(stack.shape[:-2])
    lengths = []
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        for i, plane in enumerate(stack.planes()):
            yield Progress(i, n, f"writing plane {i + 1} of {n}")
            for start in range(0, len(plane), rows):
                strip = zlib.compress(plane[start : start + rows].data)
                lengths.append(len(strip))
                with explained_writing(path):
                    spool.write(strip)
        spool.seek(0)
        strips = (spool.read(length) for length in lengths)
        _write(path, stack, image, names, text, strips, rows)


def _is_ambiguous(path: Path, stack: Stack) -> bool:
    """Whether tifffile, given planes, takes a last axis of length 1 for samples of a pixel."""
    return _notation(path, stack) == "json" and stack.shape[-1] == 1


def _write(
    path: Path,
    stack: Stack,
    image: Image,
    names: Sequence[str],
    text: Embedded | None,
    pixels: Any,
    rows: int | None = None,
) -> None:
    """Write an array, planes, or compressed strips of so many rows."""
    notation = _notation(path, stack)
    scale, unit = _scale(stack, image)
    metadata = _ome(scale, unit) if notation == "ome" else _imagej(scale, unit)
    if names and "C" in stack.axes:
        metadata |= _names(stack, names, notation)
    if text is not None and text.uuid and notation == "ome":
        metadata["UUID"] = text.uuid
    tags = [] if text is None else [(text.tag, "s", 0, text.value, True)]
    resolution = {"resolution": (1 / scale.get("X", 1), 1 / scale.get("Y", 1))} if scale else {}
    big = stack.nbytes > CLASSIC_BYTES
    with (
        atomic_path(path) as part,
        # opened here: the writer would leave it open if the disk were full from the start
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
            rowsperstrip=rows,
            extratags=tags,
            metadata={"axes": stack.axes, **metadata},
            **resolution,
        )


def _notation(path: Path, stack: Stack) -> Notation:
    """Choose the simplest notation that can hold a stack."""
    standard = stack.axes == "".join(a for a in STANDARD_AXES if a in stack.axes)
    # ImageJ and OME don't distinguish an axis of length 1 from none
    if not standard or 1 in stack.shape[:-2] or stack.dtype.name in NOT_OME:
        return "json"
    fits = stack.dtype.name in ("uint8", "uint16", "float32") and stack.nbytes <= CLASSIC_BYTES
    fits = (
        fits and stack.shape[-1] > 1
    )  # nor does tifffile's ImageJ distinguish columns and samples
    named_ome = re.search(r"\.ome\.tiff?$", path.name, re.IGNORECASE)
    return "imagej" if fits and not named_ome else "ome"


def _scale(stack: Stack, image: Image) -> tuple[dict[str, float], str]:
    """Return the voxel size along the axes of a stack, in micrometers if its unit is a length."""
    factor = MICROMETERS.get(image.unit.lower())
    scale = {a: n for a, n in image.scale.items() if a in stack.axes}
    for a in scale.keys() & set("ZYX"):
        scale[a] *= factor or 1
    return scale, "pixel" if factor is None else "micron"


def _imagej(scale: Mapping[str, float], unit: str) -> dict[str, Any]:
    """Return the scale in ImageJ's terms, without the pixel size, which is in tags."""
    metadata: dict[str, Any] = {"unit": unit} if scale.keys() & set("ZYX") else {}
    keys = {"Z": "spacing", "T": "finterval"}
    return metadata | {keys[a]: scale[a] for a in keys if a in scale}


def _ome(scale: Mapping[str, float], unit: str) -> dict[str, Any]:
    """Return the scale in OME's terms."""
    metadata: dict[str, Any] = {}
    for a in scale.keys() & set("ZYX"):
        metadata[f"PhysicalSize{a}"] = scale[a]
        metadata[f"PhysicalSize{a}Unit"] = "µm" if unit == "micron" else "pixel"
    if "T" in scale:
        metadata |= {"TimeIncrement": scale["T"], "TimeIncrementUnit": "s"}
    return metadata


def _names(stack: Stack, names: Sequence[str], notation: Notation) -> dict[str, Any]:
    """Return the names of the channels in the terms of a notation."""
    if notation == "ome":
        return {"Channel": {"Name": list(names)}}
    if notation == "imagej":
        # ImageJ has a label for each plane, and channels run fastest
        return {"Labels": list(names) * (math.prod(stack.shape[:-2]) // len(names))}
    return {"channel_names": list(names)}
