"""Label images as OME-Zarr: in a container of their own, or among the labels of an image."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

from napari_unet.core.image.axes import MICROMETERS
from napari_unet.services.omezarr.pyramid import fill_level, level_steps
from napari_unet.services.omezarr.store import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import Job
    from napari_unet.services.omezarr.targets import LabelTarget, Version

RECORD = "napari-unet"
"""Attribute that holds what made the labels."""
MOST_LISTED = 20_000
"""More objects get no colours and properties in the metadata, which every reader reads as a whole."""


def create_level(
    folder: Path,
    number: int,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    version: Version,
    chunks: Sequence[int],
    shards: Sequence[int] | None = None,
    axes: str = "",
) -> Any:
    """Create the array of a level, empty.

    Parameters
    ----------
    folder
        Of the label image.
    number
        Of the level.
    shape, dtype
        Of the array.
    version
        Of OME-Zarr; 0.4 has no shards.
    chunks, shards
        Shape of what is compressed as one, and of what is one file; None: a file for each chunk.
    axes
        A letter for each.
    """
    import zarr

    chunks = tuple(min(c, max(n, 1)) for c, n in zip(chunks, shape, strict=True))
    if version == "0.4":
        return zarr.create_array(
            str(folder),
            name=str(number),
            shape=tuple(shape),
            dtype=dtype,
            chunks=chunks,
            zarr_format=2,
            chunk_key_encoding={"name": "v2", "separator": "/"},
            fill_value=0,
            overwrite=True,
        )
    return zarr.create_array(
        str(folder),
        name=str(number),
        shape=tuple(shape),
        dtype=dtype,
        chunks=chunks,
        shards=None if shards is None else tuple(shards),
        zarr_format=3,
        compressors=zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
        dimension_names=[a.lower() for a in axes] or None,
        fill_value=0,
        overwrite=True,
    )


def complete_labels(
    folder: Path,
    first: Any,
    image: Image,
    axes: str,
    target: LabelTarget,
    *,
    made_by: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, Any]] = (),
    source: str = "",
) -> Job[None]:
    """Add the smaller levels and the metadata to a label image whose first level is written.

    Parameters
    ----------
    folder
        Where it is being written.
    first
        Array of its first level.
    image
        The image it belongs to.
    axes
        Of the labels.
    target
        Where it will be.
    made_by
        What made it.
    properties
        Of each object, with its ``label-value``.
    source
        Path of the image from the label image; empty: not known.
    """
    import zarr

    steps = level_steps(axes, first.shape, image.scale)
    finer = first
    for number, step in enumerate(steps[1:], 1):
        before = steps[number - 1]
        by = [step[a] // before[a] for a in axes]
        shape = [-(-n // b) for n, b in zip(finer.shape, by, strict=True)]
        window = tuple(min(w, n) for w, n in zip(_window(first), shape, strict=True))
        coarser = create_level(
            folder, number, shape, first.dtype, target.version, first.chunks, axes=axes
        )
        yield from fill_level(finer, coarser, by, window)
        finer = coarser
    group = zarr.open_group(str(folder), mode="a", zarr_format=2 if target.version == "0.4" else 3)
    described = _description(image, axes, steps, target, properties, source)
    if target.version == "0.4":
        group.attrs.update(described)
    else:
        group.attrs["ome"] = {"version": "0.5", **described}
    if made_by is not None:
        group.attrs[RECORD] = dict(made_by)


def _window(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shards", None) or [2 * c for c in array.chunks])


def _description(
    image: Image,
    axes: str,
    steps: Sequence[Mapping[str, int]],
    target: LabelTarget,
    properties: Sequence[Mapping[str, Any]],
    source: str,
) -> dict[str, Any]:
    multiscale: dict[str, Any] = {
        "name": target.name or Place.of(target.container).name,
        "axes": [_axis(a, image) for a in axes],
        "datasets": [_dataset(number, image, axes, step) for number, step in enumerate(steps)],
        "type": "nearest",
    }
    label: dict[str, Any] = {}
    if properties and len(properties) <= MOST_LISTED:
        numbers = [int(p["label-value"]) for p in properties]
        label["colors"] = [{"label-value": n, "rgba": _colour(n)} for n in numbers]
        if properties and len(properties[0]) > 1:
            label["properties"] = [dict(p) for p in properties]
    if source:
        label["source"] = {"image": source}
    if target.version == "0.4":
        multiscale["version"] = label["version"] = "0.4"
    return {"multiscales": [multiscale], "image-label": label}


def _axis(axis: str, image: Image) -> dict[str, str]:
    """Describe an axis: its name, type and unit as far as they are known."""
    described = {"name": axis.lower()}
    if axis in "ZYX":
        described["type"] = "space"
        if image.unit.lower() in MICROMETERS:
            described["unit"] = image.unit.lower()
    elif axis == "T":
        described["type"] = "time"
        if "T" in image.scale:
            described["unit"] = "second"
    return described


def _dataset(number: int, image: Image, axes: str, step: Mapping[str, int]) -> dict[str, Any]:
    """Describe a level: where it is, and where its pixels lie."""
    scale = [float(image.scale.get(a, 1.0)) * step[a] for a in axes]
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(image.offset.get(a) for a in axes):
        offset = [float(image.offset.get(a, 0.0)) for a in axes]
        transforms.append({"type": "translation", "translation": offset})
    return {"path": str(number), "coordinateTransformations": transforms}


def _colour(number: int) -> list[int]:
    """Return a colour that differs much from those of the numbers near by."""
    hue = number * 0.6180339887 % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.6 + 0.4 * (number % 2), 0.95)
    return [round(255 * red), round(255 * green), round(255 * blue), 255]
