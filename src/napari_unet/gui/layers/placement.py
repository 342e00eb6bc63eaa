"""How labels are placed over an image layer, and which part of an image is on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import CHANNEL_AXES, Box

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

PREVIEW_DEPTH = 16
"""Planes on either side of the current one in the preview of a 3-D network."""


@dataclass(frozen=True)
class Placement:
    """How a layer of labels is placed over an image layer.

    Attributes
    ----------
    shape
        Shape of the layer's data.
    start
        Where the labels begin in those of the whole image, for each label axis.
    inside
        Index that turns the layer's data into an array with the label axes.
    outside
        Index that turns an array with the label axes into data of the layer.
    transform
        Keyword arguments of the layer: scale, translate and others.
    """

    shape: tuple[int, ...]
    start: tuple[int, ...]
    inside: tuple[Any, ...]
    outside: tuple[Any, ...]
    transform: dict[str, Any]

    def corners(
        self, letters: str, index: Mapping[str, int], rows: slice, columns: slice
    ) -> NDArray[np.float64]:
        """Return the corners of a window of a plane in pixels of the layer, (4, dimensions).

        Parameters
        ----------
        letters
            The axis of each dimension of the layer.
        index
            Position of the plane along the other axes; 0 along those not named.
        rows, columns
            The window along Y and X.
        """
        corners = np.zeros((4, len(letters)))
        for d, letter in enumerate(letters):
            corners[:, d] = index.get(letter, 0)
        corners[:, letters.index("Y")] = np.array([rows.start, rows.start, rows.stop, rows.stop])
        corners[:, letters.index("X")] = np.take([columns.start, columns.stop], [0, 1, 1, 0])
        corners[:, [letters.index("Y"), letters.index("X")]] -= 0.5
        return corners

    def local(self, where: tuple[slice | int, ...]) -> tuple[slice | int, ...]:
        """Turn an index into the labels of the whole image into one into this part of them."""
        return tuple(
            slice(w.start - s, w.stop - s) if isinstance(w, slice) else w - s
            for w, s in zip(where, self.start, strict=True)
        )

    def label_axes(self, planes: Mapping[int, int]) -> tuple[int | None, ...]:
        """Turn positions by dimension of the layer into positions by label axis, None where free."""
        return tuple(planes.get(d) for d, kept in enumerate(self.inside) if isinstance(kept, slice))


def letters_of(placed: Placement, source: Layer, axes: str) -> str:
    """Return the axis of each dimension of a layer of labels, of the image layer's `axes`."""
    return axes[source.ndim - len(placed.shape) : source.ndim]


def looked_at(viewer: napari.Viewer, layer: Layer) -> dict[int, int]:
    """Return the index that is shown along each dimension of a layer that is not on the screen."""
    lead = viewer.dims.ndim - layer.ndim
    position = layer.world_to_data(viewer.dims.point[lead:])
    shown = viewer.dims.displayed
    return {d: round(float(p)) for d, p in enumerate(position) if d + lead not in shown}


def place(source: Layer, axes: str, region: Box | None = None) -> Placement:
    """Place labels over a layer of pixels.

    A leading channel axis is left out. A channel axis further back stays as an axis of length 1, as
    thick as all channels together, because napari aligns the last axes of layers.

    Parameters
    ----------
    source
        The layer, usually an image, from which scale, position, units and axis labels are taken.
    axes
        A letter for each dimension of its array.
    region
        A slice for each label axis: the part that the labels cover; None: all.
    """
    data = source.data[0] if source.multiscale else source.data
    letters = axes[: source.ndim]
    kept = [d for d in range(source.ndim) if any(a not in CHANNEL_AXES for a in letters[: d + 1])]
    thick = [d for d in kept if letters[d] in CHANNEL_AXES]
    label_dims = [d for d in kept if d not in thick]
    box = region or tuple(slice(0, data.shape[d]) for d in label_dims)
    parts = dict(zip(label_dims, box, strict=True))
    origin = np.zeros(source.ndim)
    scale = np.array(source.scale)
    for d in thick:
        origin[d] = (data.shape[d] - 1) / 2
        scale[d] *= data.shape[d]
    for d, part in parts.items():
        origin[d] = part.start
    return Placement(
        shape=tuple(parts[d].stop - parts[d].start if d in parts else 1 for d in kept),
        start=tuple(part.start for part in box),
        inside=tuple(slice(None) if d in parts else 0 for d in kept),
        outside=tuple(slice(None) if d in parts else None for d in kept),
        transform=_transform(source, kept, scale, origin),
    )


def _transform(source: Layer, kept: list[int], scale: Any, origin: Any) -> dict[str, Any]:
    part = np.ix_(kept, kept)
    shear = Affine(shear=source.shear, ndim=source.ndim).linear_matrix
    turned = Affine(scale=source.scale, rotate=source.rotate, shear=shear).linear_matrix
    return {
        "scale": scale[kept],
        "translate": (np.asarray(source.translate) + turned @ origin)[kept],
        "rotate": np.asarray(source.rotate)[part],
        "shear": shear[part],
        "affine": source.affine.set_slice(kept),
        "units": [source.units[d] for d in kept],
        "axis_labels": [source.axis_labels[d] for d in kept],
    }


def on_screen(viewer: napari.Viewer, source: ImageLayer, image: Image, spatial: str) -> Box:
    """Return the part of an image's labels that the viewer shows, at full resolution.

    Parameters
    ----------
    viewer
        The viewer.
    source, image
        The image layer, and the image it holds.
    spatial
        Spatial axes of the network: with ``ZYX``, some planes around the present one are taken.

    Raises
    ------
    UserError
        When the viewer shows nothing of the image.
    """
    planes = looked_at(viewer, source)
    factors = source.downsample_factors[source.data_level]
    first, last = np.asarray(source.corner_pixels) * factors
    box = {}
    for d, axis in enumerate(image.axes[: source.ndim]):
        size, here = image.sizes[axis], planes.get(d)
        if here is None:
            # before anything is drawn there is no view yet
            view = last[d] > first[d]
            span = slice(int(first[d]), int(last[d] + factors[d])) if view else slice(0, size)
        elif axis in spatial:
            span = slice(here - PREVIEW_DEPTH, here + PREVIEW_DEPTH + 1)
        else:
            span = slice(here, here + 1)
        box[axis] = slice(max(0, span.start), min(size, span.stop))
        if box[axis].start >= box[axis].stop:
            raise UserError(
                f"{source.name!r} is not on the screen",
                value=f"{axis} {span.start} of {size}",
                rule="Only what is on the screen is used here.",
                remedy="Move the sliders below the image, or the view, to the image.",
            )
    return tuple(box[a] for a in image.label_axes)
