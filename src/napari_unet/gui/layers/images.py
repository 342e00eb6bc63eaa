"""Layers and images: the axes of a layer, its pixels as an image, and layers added unobtrusively."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image, check_axes, guess_axes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

LETTERS = {"time": "T", "frame": "T", "depth": "Z", "slice": "Z", "plane": "Z", "channel": "C"}
"""Axis labels that are words; a single letter stands for itself."""

AXES = "napari_unet_axes"
"""Key of an image layer's metadata: axes that the user has corrected."""

FILE = "napari_unet_file"
"""Key of an image layer's metadata: path, series and channel that our reader opened."""

NODATA = "napari_unet_nodata"
"""Key of an image layer's metadata: the value of pixels without data."""

MEANINGS = {"T": "time points", "Z": "planes", "C": "channels", "S": "colours"}
"""What is counted along each axis, for the user."""


def image_of(layer: Layer, axes: str) -> Image:
    """Return a layer's pixels with their axes; for a multiscale layer, its finest level.

    Parameters
    ----------
    layer
        A layer of pixels. Its array is not copied.
    axes
        A letter for each dimension of the array, colours of an RGB layer (``S``) included.

    Raises
    ------
    UserError
        When the axes don't fit the array.
    """
    data = layer_array(layer)
    check_axes(axes, data.shape)
    units = [str(u) for u in layer.units]
    unit = units[axes.index("X")] if axes.index("X") < layer.ndim else "pixel"
    sizes = zip(axes, layer.scale, layer.units, strict=False)
    scale = {a: _in_unit(size, u, unit if a in "ZYX" else "second") for a, size, u in sizes}
    nodata = layer.metadata.get(NODATA)
    return Image(data, axes, scale, unit, layer.name, _channel_names(layer), nodata)


def place_of(layer: Layer) -> dict[str, Any]:
    """Return the placement of a layer in the world, for JSON, as keyword arguments of a new layer."""
    return {
        "scale": np.asarray(layer.scale).tolist(),
        "translate": np.asarray(layer.translate).tolist(),
        "rotate": np.asarray(layer.rotate).tolist(),
        "shear": np.asarray(layer.shear).tolist(),
        "affine": np.asarray(layer.affine.affine_matrix).tolist(),
        "units": [str(unit) for unit in layer.units],
        "axis_labels": list(layer.axis_labels),
    }


def layer_array(layer: Layer) -> Any:
    """Return the array of a layer, or the finest level of a multiscale one."""
    return layer.data[0] if layer.multiscale else layer.data


def identity(layer: ImageLayer) -> tuple[str, str, tuple[int, ...]]:
    """Return what identifies a layer's image: its name, its file if it has one, its shape."""
    path = str(Path(layer.source.path).resolve()) if layer.source.path else ""
    return layer.name, path, tuple(int(n) for n in layer_array(layer).shape)


def likely_axes(layer: Layer) -> str:
    """Return the axes of a layer of pixels.

    They are those the user has set, else those of the axis labels, else those of the file it was opened
    from, else a guess.
    """
    shape = layer_array(layer).shape
    colour = "S" if getattr(layer, "rgb", False) else ""
    corrected = str(layer.metadata.get(AXES, ""))
    for axes in (corrected, _from_labels(layer.axis_labels) + colour, _from_file(layer)):
        if len(axes) == len(shape):
            return axes
    return guess_axes(shape[: layer.ndim]) + colour


def possible_axes(layer: ImageLayer) -> list[str]:
    """Return axes to choose from, the likely ones first."""
    first, colour = likely_axes(layer), "S" if layer.rgb else ""
    lead = layer.ndim - 2
    orders = ["".join(p) + "YX" + colour for p in itertools.permutations("TZC", lead)]
    if lead == 1 and not colour:
        orders.append("YXC")
    return list(dict.fromkeys([first, *orders]))


def describe(axes: str, shape: Sequence[int]) -> str:
    """Describe an array, such as ``5 planes of 256 × 256 pixels``.

    Raises
    ------
    UserError
        When the axes don't fit the shape.
    """
    check_axes(axes, shape)
    size = dict(zip(axes, shape, strict=True))
    counts = [f"{n} {MEANINGS.get(a, a)}" for a, n in size.items() if a not in "YX"]
    pixels = f"{size['X']} × {size['Y']} pixels"
    return f"{', '.join(counts)} of {pixels}" if counts else pixels


@contextlib.contextmanager
def selection_kept(viewer: napari.Viewer) -> Iterator[None]:
    """Keep the selection while layers are added, so that the user can go on painting."""
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    yield
    viewer.layers.selection = selected
    viewer.layers.selection.active = active


def add_quietly(viewer: napari.Viewer, layer: Layer, *, below: Layer | None = None) -> None:
    """Add a layer below another one or on top, and keep the selection."""
    layers = viewer.layers
    with selection_kept(viewer):
        layers.insert(layers.index(below) if below in layers else len(layers), layer)


def _from_labels(labels: Sequence[str]) -> str:
    """Return the axes named by labels such as ``z`` or ``time``; empty if they name none."""
    words = [label.strip().lower().rstrip("s") for label in labels]
    letters = [LETTERS.get(w) or (w.upper() if len(w) == 1 and w.isalpha() else "") for w in words]
    known = all(letters) and len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters)
    return "".join(letters) if known else ""


def _from_file(layer: Layer) -> str:
    """Return the axes in the metadata of the layer's TIFF file, if the layer is that image."""
    if not layer.source.path:
        return ""
    # it imports tifffile, which would delay the opening of the panel
    from napari_unet.services.files.images import is_image_file, open_image

    path = Path(layer.source.path)
    if not is_image_file(path):
        return ""
    try:
        image = open_image(path)
    except UserError:
        return ""
    return image.axes if tuple(image.data.shape) == tuple(layer_array(layer).shape) else ""


def _in_unit(size: float, unit: Any, wanted: str) -> float:
    """Convert a size to another unit; unchanged if that is impossible."""
    if str(unit) == wanted or not unit.is_compatible_with(wanted):
        return float(size)
    return float((size * unit).to(wanted).magnitude)


def _channel_names(layer: Layer) -> tuple[str, ...]:
    names = layer.metadata.get("channel_names", ())
    return tuple(str(n) for n in names) if isinstance(names, (list, tuple)) else ()
