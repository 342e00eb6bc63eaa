"""Images for napari: what the command line reads, with scale, units, axes and channels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from napari_unet.core.image.axes import Image
from napari_unet.core.image.colour import has_colours
from napari_unet.core.image.missing import mark_missing
from napari_unet.gui.layers.images import FILE, NODATA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.services.segmentation.tasks import Task

LayerData = tuple[Any, dict[str, Any], str]

EAGER_BYTES = 64 << 20
"""Images up to this size are read as a whole; larger ones plane by plane as they are shown."""

COLOURMAPS = ("green", "magenta", "cyan", "yellow", "red", "blue")
"""Colours of the channels of an image, in turn, where the file states none."""

PURE = {
    **{"#00ff00": "green", "#ff00ff": "magenta", "#00ffff": "cyan", "#ffff00": "yellow"},
    **{"#ff0000": "red", "#0000ff": "blue", "#ffffff": "gray"},
}
"""Names that napari has for the map from black to a colour."""


def get_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return the function that reads a file, or None if it is none of ours.

    Parameters
    ----------
    path
        A path; several are left to others, which stack them.
    """
    # imports tifffile: not before a file is opened
    from napari_unet.services.files.images import IMAGE_SUFFIXES
    from napari_unet.services.omezarr.store import is_zarr

    if isinstance(path, str) and is_zarr(path):
        return read_zarr
    if not isinstance(path, str) or Path(path).suffix.lower() not in IMAGE_SUFFIXES:
        return None
    return read_layers if Path(path).is_file() else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read all images of a file as layers, one for each channel.

    Raises
    ------
    UserError
        When the file can't be read.
    """
    from napari_unet.services.files.images import open_image, series_count

    file = Path(path if isinstance(path, str) else path[0])
    count = series_count(file)
    layers: list[LayerData] = []
    for series in range(count):
        image = open_image(file, series=series)
        name = f"{image.name} {series}" if count > 1 else image.name
        layers += layers_of(image, name, {"path": str(file), "series": series})
    return layers


def read_zarr(path: str | Sequence[str]) -> list[LayerData]:
    """Read an OME-Zarr container as lazy layers of all levels, with the labels in it.

    Raises
    ------
    UserError
        When it can't be read.
    """
    from napari_unet.gui.files.zarr_layers import zarr_layers

    return zarr_layers(path if isinstance(path, str) else path[0], layers_of)


def layers_of(image: Image, name: str, file: dict[str, Any]) -> list[LayerData]:
    """Return the layers that show an image.

    Parameters
    ----------
    image
        The image.
    name
        Name of the layers; that of the channel is added if there are several.
    file
        Path and number of the image in it, kept in the layers' metadata.
    """
    if "C" not in image.axes:
        look = {"colormap": _colourmap(image.channel_colours[0])} if image.channel_colours else {}
        return [_layer(image, image.data, name, {"file": file}, look)]
    at, n = image.axes.index("C"), image.sizes["C"]
    named = len(image.channel_names) == n
    layers = []
    for channel in range(n):
        word = image.channel_names[channel] if named else str(channel)
        data = _OneChannel(image.data, at, channel)
        one = Image(
            data,
            image.axes.replace("C", ""),
            image.scale,
            image.unit,
            nodata=image.nodata,
            offset=image.offset,
        )
        own = image.channel_colours[channel : channel + 1]
        colour = _colourmap(own[0]) if own else COLOURMAPS[channel % len(COLOURMAPS)]
        look = {"colormap": colour, "blending": "additive"}
        layers.append(
            _layer(one, data, f"{name} {word}", {"file": file | {"channel": channel}}, look)
        )
    return layers


def shown_layers(task: Task) -> list[Layer]:
    """Return the layers of a file of a batch and of its result."""
    from napari.layers import Labels

    from napari_unet.services.files.images import open_image, open_labels

    about = {"path": str(task.source), "series": task.series}
    image = open_image(task.source, series=task.series)
    layers = [Layer.create(*data) for data in layers_of(image, task.source.stem, about)]
    labels = open_labels(task.labels)
    data, keywords, _ = _layer(labels, labels.data, f"{task.source.stem} labels", {"file": about})
    kept = ("name", "scale", "units", "axis_labels")
    return [*layers, Labels(data, **{key: keywords[key] for key in kept})]


def _layer(
    image: Image,
    data: Any,
    name: str,
    about: dict[str, Any],
    look: dict[str, Any] | None = None,
) -> LayerData:
    colour = has_colours(image)
    axes = image.axes[:-1] if colour else image.axes
    units = dict.fromkeys("ZYX", image.unit) | {"T": "second" if "T" in image.scale else "pixel"}
    metadata: dict[str, Any] = {FILE: about["file"]}
    if image.nodata is not None:
        metadata[NODATA] = image.nodata
    keywords: dict[str, Any] = {
        "name": name,
        "scale": [image.scale.get(a, 1.0) for a in axes],
        "units": [units.get(a, "pixel") for a in axes],
        "axis_labels": [a.lower() for a in axes],
        "metadata": metadata,
        **(look or {}),
    }
    if image.offset:
        keywords["translate"] = [image.offset.get(a, 0.0) for a in axes]
    if colour:
        keywords["rgb"] = True
    elif limits := _contrast(image, data):
        keywords["contrast_limits"] = limits
    return _for_napari(data), keywords, "image"


def _colourmap(colour: str) -> str:
    """Return the name of the colour map from black to a colour, ``#rrggbb``."""
    return PURE.get(colour, colour)


def _contrast(image: Image, data: Any) -> list[float] | None:
    """Return limits in which what lacks data has no part; None where nothing does."""
    if not image.may_lack_data:
        return None
    middle = tuple(
        slice(None) if a in "YX" else n // 2 for a, n in zip(image.axes, data.shape, strict=True)
    )
    plane = mark_missing(np.asarray(data[middle]), image.nodata)
    low, high = np.fmin.reduce(plane, axis=None), np.fmax.reduce(plane, axis=None)
    return [float(low), float(high)] if low < high else None


def _for_napari(data: Any) -> Any:
    """Read a small array; make a large one a dask array of planes, which any plugin can use."""
    if int(np.prod(data.shape)) * np.dtype(data.dtype).itemsize <= EAGER_BYTES:
        return np.asarray(data[(slice(None),) * len(data.shape)])
    import dask.array

    if isinstance(data, dask.array.Array):
        return data
    last = 3 if data.shape[-1] in (3, 4) and len(data.shape) > 2 else 2
    chunks = (1,) * (len(data.shape) - last) + tuple(data.shape[-last:])
    # those of a container may be smaller than planes
    chunks = getattr(data, "chunks", None) or chunks
    # its name would be made by reading all pixels
    make: Any = dask.array.from_array
    return make(data, chunks=chunks, name=False, asarray=False)


class _OneChannel:
    """A channel of an array."""

    def __init__(self, data: Any, axis: int, channel: int) -> None:
        self._data = data
        self._axis = axis
        self._channel = channel
        self.shape = tuple(int(n) for i, n in enumerate(data.shape) if i != axis)
        self.dtype = np.dtype(data.dtype)
        self.ndim = len(self.shape)
        stored = getattr(data, "chunks", None)
        self.chunks = stored and tuple(n for i, n in enumerate(stored) if i != axis)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(k is Ellipsis for k in keys):
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        return np.asarray(self._data[(*keys[: self._axis], self._channel, *keys[self._axis :])])
