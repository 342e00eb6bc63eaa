"""An image layer and its annotation layer, and the regions where the annotation applies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.errors import UserError
from napari_unet.gui.layers.fit import lie_of
from napari_unet.gui.layers.images import layer_array
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.result_before import before_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer, Shapes

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image, Lazy

MAX_NEGATIVE = 1 << 28
"""Pixels of labels that are searched for a label without a thread."""


@dataclass(frozen=True)
class LayerPair:
    """An image layer and its annotation, as chosen in a form.

    Attributes
    ----------
    image
        The image.
    source, labels
        The layers.
    inside
        Index that turns the data of the labels layer into an array with the label axes.
    kind, regions
        What the labels mean, and where they apply.
    scale, offset
        How the labels are placed on the image, as for `Annotation`.
    shapes
        The layer that outlines the regions; None: the labels apply on planes that are painted, or
        everywhere if they come from a file without any label.
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
        """Whether the image is open, and was not replaced by one of another shape."""
        shape = tuple(layer_array(self.source).shape)
        return self.source in viewer.layers and shape == tuple(self.image.data.shape)

    def outlined(self) -> tuple[LayerPair, tuple[UserError, ...]]:
        """Return the pair with the regions as they are outlined now, and the errors of other shapes."""
        regions, errors = [], []
        for kind, vertices in _shapes_in(self.shapes):
            try:
                regions.append(_region(kind, vertices, self.shapes, self.source, self.image))
            except UserError as error:
                errors.append(error)
        # if the last region was deleted, keep them: without any, the annotation applies everywhere
        return replace(self, regions=tuple(regions) or self.regions), tuple(errors)

    def paint(self) -> Lazy:
        """Return the current labels with the label axes of the image; not a copy."""
        return self.of_image(self.labels.data[0] if self.labels.multiscale else self.labels.data)

    def of_image(self, data: Any) -> Lazy:
        """Return labels like those of the layer with the label axes of the image."""
        whole = all(isinstance(part, slice) for part in self.inside)
        if whole or len(self.inside) != data.ndim:
            return cast("Lazy", data)
        if isinstance(data, np.ndarray):
            return cast("Lazy", data[self.inside])
        return _Inside(data, self.inside)

    def annotation(self, paint: Lazy) -> Annotation:
        """Return the annotation with these labels; slow if regions are large.

        Raises
        ------
        UserError
            When the labels do not match the image pixel for pixel, or a region is outside it.
        """
        name = self.labels.name
        negative = self.shapes is None and self.regions
        known = before_of(self.labels)
        return Annotation(
            self.image,
            paint,
            self.kind,
            self.regions,
            name,
            self.scale,
            self.offset,
            notes=(f"{name}: opened without any label; learnt as background.",) if negative else (),
            result_before=None if known is None else self.of_image(known.labels),
        )


def _is_negative(labels: Labels) -> bool:
    """Whether labels come from a file in which nothing is labelled, so that all is background."""
    data = labels.data
    if labels.source.path is None or not isinstance(data, np.ndarray):
        return False
    return data.size <= MAX_NEGATIVE and not data.any()


class _Inside:
    """The label axes of an array that stays on disk."""

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


def pair_layers(
    source: Layer, image: Image, labels: Labels | None, kind: Kind, shapes: Shapes | None
) -> LayerPair:
    """Pair an image layer with its annotation.

    Parameters
    ----------
    source, image
        The image layer, and the image it holds.
    labels
        The labels layer.
    kind
        What the labels mean.
    shapes
        A Shapes layer around what was annotated; None: the labels apply on planes that are painted.

    Raises
    ------
    UserError
        When there are no labels, or the Shapes layer has no shape with an area.
    """
    if labels is None:
        raise UserError(
            "There is no annotation yet",
            rule="An annotation is a labels layer that covers the image.",
            remedy="Press “New annotation” and paint some background and some of what you look for; or "
            "segment, and correct the result in the panel Annotate.",
        )
    inside = place(source, image.axes).inside
    fits = len(inside) == labels.ndim
    scale, offset = lie_of(source, image, labels, inside) if fits else ({}, {})
    if shapes is not None:
        regions = regions_of(shapes, source, image)
    elif kind != "scribbles" and _is_negative(labels):
        regions = (Region.box((0, image.sizes["Y"]), (0, image.sizes["X"])),)
    else:
        regions = ()
    return LayerPair(image, source, labels, inside, kind, regions, scale, offset, shapes)


def regions_of(shapes: Shapes, source: ImageLayer, image: Image) -> tuple[Region, ...]:
    """Return the regions that shapes outline on an image, however the two layers are placed.

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
    """Return the type and the corners of each shape."""
    return (
        [] if shapes is None else list(zip(map(str, shapes.shape_type), shapes.data, strict=True))
    )


def _region(kind: str, vertices: Any, shapes: Shapes, source: ImageLayer, image: Image) -> Region:
    """Return the region that a shape outlines on an image."""
    letters = image.axes[: source.ndim]
    # a layer with fewer dimensions applies along all of the first ones
    columns = [
        d for d in range(max(0, source.ndim - shapes.ndim), source.ndim) if letters[d] not in "CS"
    ]
    at = [source.world_to_data(shapes.data_to_world(v)) for v in np.asarray(vertices)]
    axes = "".join(letters[d] for d in columns)
    return Region.from_shape(kind, np.asarray(at)[:, columns], axes)


def same_pairs(pairs: Sequence[LayerPair], others: Sequence[LayerPair]) -> bool:
    """Whether pairs are of the same layers with the same arrays, used in the same way."""
    # arrays that were exchanged can't be compared as a whole, and are others in any case
    return len(pairs) == len(others) and all(
        one.image.data is other.image.data and replace(one, image=other.image) == other
        for one, other in zip(pairs, others, strict=True)
    )
