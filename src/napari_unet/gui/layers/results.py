"""From results to layers: made at once, filled in tile by tile, never over something painted."""

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
"""For the classes, in turn: easy to tell apart, and from a grey image."""
TURNED = ("scale", "rotate", "shear")
"""What says how a layer lies, but for where it begins."""


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

    The one that an earlier run with the same purpose made is emptied and used again, unless
    anything in it was changed since.

    Parameters
    ----------
    viewer
        Where it goes.
    source
        The layer that they belong to: an image, or labels.
    placed
        How the labels lie over it.
    dtype
        Of the labels.
    purpose
        ``title``, which follows the image's name, and whatever else tells apart runs that must not
        replace each other's result.
    classes
        Names of the label values, background left out; empty where labels number objects.
    colours
        Of these values.
    """
    data = np.zeros(placed.shape, dtype)
    earlier = earlier_layers(viewer, source, purpose, Labels)
    layer = next((x for x in earlier if untouched(x) and _lies_as(x, placed)), None)
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
    viewer.add_layer(layer)
    return ResultLayer(viewer, layer, placed)


def _classes_shown(classes: Mapping[int, str], colours: Sequence[str]) -> dict[str, Any]:
    """Return what gives each class a colour of its own, and its name in the status bar."""
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
    """Show each class's probability as an image layer, in place of that of an earlier run.

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
    """Show a number from 0 to 1 for each pixel, in place of that of an earlier run.

    Parameters
    ----------
    viewer, source, placed, purpose
        As for `result_layer`.
    values
        With the axes of the labels.
    title
        Of a new layer, after the image's name.
    visible
        Whether a new layer is shown.
    """
    data = values[placed.outside]
    earlier = earlier_layers(viewer, source, purpose, ImageLayer)
    layer = next((x for x in earlier if _lies_as(x, placed)), None)
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
    """Return metadata that say what a layer is for."""
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
        # a copy of one, which somebody wants to keep, has its record
        and record.get("layer") in (None, str(layer.unique_id))
    ]


def _lies_as(layer: Layer, placed: Placement) -> bool:
    """Whether a layer lies as it would be placed now, but for where it begins."""
    wanted = placed.transform
    own = {key: getattr(layer, key) for key in TURNED}
    turned = (Affine(**how).linear_matrix for how in (own, {key: wanted[key] for key in TURNED}))
    return (
        np.allclose(*turned)
        and np.allclose(layer.affine.affine_matrix, wanted["affine"].affine_matrix)
        and list(layer.units) == list(wanted["units"])
    )
