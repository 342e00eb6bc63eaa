"""Layers for results: made at once, filled in tile by tile, never over something that was edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap
from napari.utils.transforms import Affine

from napari_unet.gui.layers.result_layer import RECORD, Content, ResultLayer, untouched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari
    from numpy.typing import NDArray

    from napari_unet.gui.layers.placement import Placement


COLOURS = ("#2dd4bf", "#f59e0b", "#a78bfa", "#f472b6", "#84cc16", "#38bdf8", "#fb7185", "#e5e7eb")
"""Colours of the classes, in turn: easy to tell apart, and from a grey image."""
LINEAR = ("scale", "rotate", "shear")
"""The linear part of the placement of a layer."""


def result_layer(
    viewer: napari.Viewer,
    source: Layer,
    placed: Placement,
    dtype: np.dtype[Any],
    purpose: Mapping[str, Any],
    classes: Mapping[int, str],
    colours: Sequence[str] = COLOURS,
) -> ResultLayer:
    """Return an empty labels layer for an image layer, on top of the others.

    The layer of an earlier run with the same purpose is emptied and reused, unless it was edited.

    Parameters
    ----------
    viewer
        The layer is added to it.
    source
        The layer that the labels belong to: an image, or labels.
    placed
        How the labels are placed over it.
    dtype
        Type of the labels.
    purpose
        ``title``, which follows the name of the image, and anything else that distinguishes runs which
        must not replace each other's result.
    classes
        Names of the label values without the background; empty if labels number objects.
    colours
        Colours of these values.
    """
    data = np.zeros(placed.shape, dtype)
    earlier = earlier_layers(viewer, source, purpose, Labels)
    layer = next((x for x in earlier if untouched(x) and _placed_as(x, placed)), None)
    tag = tagged(source, purpose)
    if layer is not None:
        before = Content.of(layer)
        Content(data, placed.transform["translate"], {**layer.metadata, **tag}).put_into(layer)
        return ResultLayer(viewer, layer, placed, before)
    layer = Labels(
        data,
        name=f"{source.name} {purpose['title']}",
        opacity=0.5,
        metadata=tag,
        **(_classes_shown(classes, colours) if classes else {}),
        **placed.transform,
    )
    # before it is listed: who looks at new layers waits for what is being filled in
    layer.editable = False
    viewer.add_layer(layer)
    return ResultLayer(viewer, layer, placed)


def _classes_shown(classes: Mapping[int, str], colours: Sequence[str]) -> dict[str, Any]:
    """Return the colours of the classes, and their names for the status bar."""
    names = {0: "background", **classes}
    return {
        "colormap": CyclicLabelColormap(colors=["transparent", *colours]),
        "features": {"index": list(names), "class": list(names.values())},
    }


def probability_layers(
    viewer: napari.Viewer,
    source: ImageLayer,
    placed: Placement,
    classes: Mapping[str, NDArray[np.float32]],
    purpose: Mapping[str, Any],
) -> None:
    """Show the probability of each class as an image layer, in place of those of an earlier run.

    Parameters
    ----------
    viewer, source, placed, purpose
        As for `result_layer`.
    classes
        Probability of each class, with the axes of the labels.
    """
    for name, values in classes.items():
        this = {**purpose, "class": name}
        map_layer(viewer, source, placed, values, f"P({name})", this, visible=False)


def map_layer(
    viewer: napari.Viewer,
    source: ImageLayer,
    placed: Placement,
    values: NDArray[np.float32],
    title: str,
    purpose: Mapping[str, Any],
    *,
    visible: bool,
) -> ImageLayer:
    """Show a map of numbers from 0 to 1, in place of that of an earlier run.

    Parameters
    ----------
    viewer, source, placed, purpose
        As for `result_layer`.
    values
        With the axes of the labels.
    title
        Title of a new layer, which follows the name of the image.
    visible
        Whether a new layer is shown.
    """
    data = values[placed.outside]
    earlier = earlier_layers(viewer, source, purpose, ImageLayer)
    layer = next((x for x in earlier if _placed_as(x, placed)), None)
    if layer is not None:
        Content(data, placed.transform["translate"], layer.metadata).put_into(layer)
        return layer
    layer = ImageLayer(
        data,
        name=f"{source.name} {title}",
        contrast_limits=(0, 1),
        colormap="magma",
        blending="additive",
        visible=visible,
        metadata=tagged(source, purpose),
        **placed.transform,
    )
    viewer.add_layer(layer)
    return layer


def tagged(source: Layer, purpose: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a layer with this purpose."""
    return {RECORD: {"source": str(source.unique_id), "purpose": dict(purpose), "checksum": None}}


def earlier_layers(
    viewer: napari.Viewer, source: Layer, purpose: Mapping[str, Any], kind: type[Layer]
) -> list[Any]:
    """Return the layers that earlier runs with the same purpose made, the topmost first."""
    tag = (str(source.unique_id), dict(purpose))
    records = [(layer, layer.metadata.get(RECORD, {})) for layer in reversed(viewer.layers)]
    return [
        layer
        for layer, record in records
        if isinstance(layer, kind)
        and (record.get("source"), record.get("purpose")) == tag
        # a copy, which the user wants to keep, has the same record
        and record.get("layer") in (None, str(layer.unique_id))
    ]


def _placed_as(layer: Layer, placed: Placement) -> bool:
    """Whether a layer is placed as it would be now, apart from its position."""
    wanted = placed.transform
    own = {key: getattr(layer, key) for key in LINEAR}
    turned = (Affine(**how).linear_matrix for how in (own, {key: wanted[key] for key in LINEAR}))
    return (
        np.allclose(*turned)
        and np.allclose(layer.affine.affine_matrix, wanted["affine"].affine_matrix)
        and list(layer.units) == list(wanted["units"])
    )
