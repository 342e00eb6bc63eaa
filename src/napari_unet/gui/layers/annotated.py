"""From layers to annotations: an image, what was painted on it, and where that applies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Labels

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import check_placement, integer_factors, resample_labels
from napari_unet.gui.layers.images import layer_array
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.roles import IMAGE, KIND, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer, Shapes

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image, Lazy


@dataclass(frozen=True)
class Painted:
    """An image layer and a labels layer painted on it, as the form has them.

    Attributes
    ----------
    image
        The image.
    source, labels
        The layers.
    inside
        Index that takes the label axes out of the labels layer's array.
    kind, regions
        What the paint means, and where it applies.
    scale, offset
        How the labels lie on the image, as for `Annotation`.
    shapes
        The layer that outlines the regions; None: the paint applies on planes that carry some.
    """

    image: Image
    source: Layer
    labels: Layer
    inside: tuple[Any, ...]
    kind: Kind
    regions: tuple[Region, ...]
    scale: Mapping[str, float]
    offset: Mapping[str, float]
    shapes: Shapes | None = None

    def is_open(self, viewer: napari.Viewer) -> bool:
        """Whether the image is there, and not exchanged for one of another shape."""
        shape = tuple(layer_array(self.source).shape)
        return self.source in viewer.layers and shape == tuple(self.image.data.shape)

    def outlined(self) -> tuple[Painted, tuple[UserError, ...]]:
        """Return it with the regions as they are outlined now, and what is wrong with other shapes."""
        found, wrong = [], []
        for kind, vertices in _shapes_in(self.shapes):
            try:
                found.append(_region(kind, vertices, self.shapes, self.source, self.image))
            except UserError as error:
                wrong.append(error)
        # without any, the last was taken away: it would apply everywhere
        return replace(self, regions=tuple(found) or self.regions), tuple(wrong)

    def paint(self) -> Lazy:
        """Return the paint as it is now, with the image's label axes; not a copy."""
        data = self.labels.data[0] if self.labels.multiscale else self.labels.data
        whole = all(isinstance(part, slice) for part in self.inside)
        if whole or len(self.inside) != data.ndim:
            return cast("Lazy", data)
        if isinstance(data, np.ndarray):
            return cast("Lazy", data[self.inside])
        return _Inside(data, self.inside)

    def annotation(self, paint: Lazy) -> Annotation:
        """Return the annotation with this paint; slow where regions are large.

        Raises
        ------
        UserError
            When the paint does not lie on the image pixel for pixel, or a region lies outside it.
        """
        name = self.labels.name
        return Annotation(self.image, paint, self.kind, self.regions, name, self.scale, self.offset)


class _Inside:
    """The label axes of an array that stays on the disk."""

    def __init__(self, data: Any, inside: tuple[Any, ...]) -> None:
        self._data, self._inside = data, inside
        self.shape = tuple(
            n for n, part in zip(data.shape, inside, strict=True) if isinstance(part, slice)
        )
        self.dtype: np.dtype[Any] = np.dtype(data.dtype)

    def __getitem__(self, key: Any, /) -> Any:
        parts = iter(key)
        return self._data[
            tuple(next(parts) if isinstance(part, slice) else part for part in self._inside)
        ]


def painted(
    source: Layer, image: Image, labels: Layer | None, kind: Kind, shapes: Shapes | None
) -> Painted:
    """Join layers.

    Parameters
    ----------
    source, image
        The image layer, and the image it holds.
    labels
        The labels layer painted on it.
    kind
        What the paint means.
    shapes
        A Shapes layer around what was annotated; None: the paint applies on planes that carry some.

    Raises
    ------
    UserError
        When there are no labels, or the Shapes layer holds nothing that has an area.
    """
    if labels is None:
        raise UserError(
            "There is nothing to paint on yet",
            rule="Paint lies in a labels layer that covers the image.",
            remedy="Press “New paint layer” and paint some background and some of what you look for.",
        )
    inside = place(source, image.axes).inside
    fits = len(inside) == labels.ndim
    scale, offset = _lie(source, image, labels, inside) if fits else ({}, {})
    regions = () if shapes is None else regions_of(shapes, source, image)
    return Painted(image, source, labels, inside, kind, regions, scale, offset, shapes)


def fits(source: Layer, image: Image, labels: Layer) -> bool:
    """Whether a labels layer has the image's number of pixels along each label axis."""
    data = labels.data[0] if labels.multiscale else labels.data
    shape = tuple(data.shape)
    return shape == image.label_shape or shape == place(source, image.axes).shape


def can_be_resampled(source: ImageLayer, image: Image, labels: Labels) -> bool:
    """Whether a labels layer is smaller or larger than the image by a whole factor along each axis."""
    data = labels.data[0] if labels.multiscale else labels.data
    alike = fits(source, image, labels)
    return not alike and integer_factors(image, tuple(data.shape)) is not None


def lies_apart(source: Layer, image: Image, labels: Layer) -> bool:
    """Whether a labels layer has the image's pixels, but at another scale or place."""
    inside = place(source, image.axes).inside
    if not fits(source, image, labels) or len(inside) != labels.ndim:
        return False
    try:
        check_placement(image, *_lie(source, image, labels, inside), labels.name)
    except UserError:
        return True
    return False


def lay_on(source: Layer, image: Image, labels: Layer) -> None:
    """Give a labels layer the scale and place of the image; for `lies_apart`."""
    for name, value in place(source, image.axes).transform.items():
        setattr(labels, name, value)


def add_resampled(
    viewer: napari.Viewer, source: ImageLayer, image: Image, labels: Labels
) -> Labels:
    """Add a copy of labels with the image's pixels over it, and hide the labels; for `fits`."""
    placed = place(source, image.axes)
    data = labels.data[0] if labels.multiscale else labels.data
    layer = Labels(
        resample_labels(image, data).reshape(placed.shape),
        name=f"{labels.name} resampled",
        opacity=labels.opacity,
        colormap=labels.colormap,
        features=labels.features,
        metadata={KIND: kind_of(labels), IMAGE: str(source.unique_id)},
        **placed.transform,
    )
    viewer.add_layer(layer)
    labels.visible = False
    return layer


def regions_of(shapes: Shapes, source: ImageLayer, image: Image) -> tuple[Region, ...]:
    """Return the regions that shapes outline on an image, wherever the two layers lie.

    Raises
    ------
    UserError
        When there are none, or a shape has no area.
    """
    if not len(shapes.data):
        raise UserError(
            f"{shapes.name!r} has no shapes yet",
            rule="A region is a rectangle, a polygon or an ellipse.",
            remedy="Draw one around what you have annotated, or choose “everywhere painted”.",
        )
    return tuple(_region(*shape, shapes, source, image) for shape in _shapes_in(shapes))


def _shapes_in(shapes: Shapes | None) -> list[tuple[str, Any]]:
    """Return the kind and the corners of each shape."""
    return (
        [] if shapes is None else list(zip(map(str, shapes.shape_type), shapes.data, strict=True))
    )


def _region(kind: str, vertices: Any, shapes: Shapes, source: ImageLayer, image: Image) -> Region:
    """Return the region that a shape outlines on an image."""
    letters = image.axes[: source.ndim]
    # a layer of fewer dimensions says nothing about the first ones
    columns = [
        d for d in range(max(0, source.ndim - shapes.ndim), source.ndim) if letters[d] not in "CS"
    ]
    at = [source.world_to_data(shapes.data_to_world(v)) for v in np.asarray(vertices)]
    axes = "".join(letters[d] for d in columns)
    return Region.from_shape(kind, np.asarray(at)[:, columns], axes)


def _lie(
    source: Layer, image: Image, labels: Layer, inside: Sequence[Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the pixel size of labels, and where they begin in pixels of the image, axis by axis."""
    lead = source.ndim - labels.ndim
    corner = np.asarray(source.world_to_data(labels.data_to_world(np.zeros(labels.ndim))))
    scale, offset = {}, {}
    for d, part in enumerate(inside):
        if not isinstance(part, slice):
            continue
        letter = image.axes[d + lead]
        step = np.eye(labels.ndim)[d]
        moved = np.asarray(source.world_to_data(labels.data_to_world(step)))
        ratio = float(moved[d + lead] - corner[d + lead])
        scale[letter] = image.scale.get(letter, 1.0) * ratio
        offset[letter] = float(corner[d + lead])
    return scale, offset
