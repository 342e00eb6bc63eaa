"""Objects linked through time, as layers: labels with the numbers of their tracks, and the tracks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Tracks as TracksLayer

from napari_unet.gui.files.writer import record_of
from napari_unet.gui.layers.images import add_quietly
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.layers.results import earlier_layers, result_layer, tagged
from napari_unet.gui.layers.visibility import show_alone

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer

    from napari_unet.core.image.axes import Image
    from napari_unet.core.tracking.tracks import Tracks
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.services.tracking.link_labels import Linked

PARENTS = "parents"
"""Key of a layer's record: the mother of each track that comes from a division, as text and number."""
TAIL = 30
"""Frames for which a track is drawn behind its object."""


def labels_of(numbered: Numbered) -> Image:
    """Return a copy of the labels as an image of their own, with the scale of the image under them."""
    image = numbered.image
    return replace(
        image,
        data=numbered.numbers,
        axes=image.label_axes,
        name=numbered.layer.name,
        channel_names=(),
        nodata=None,
    )


def parents_of(layer: Layer) -> dict[int, int] | None:
    """Return the mother of each track that comes from a division; None if labels are no tracks."""
    record = layer.metadata.get(RECORD)
    parents = record.get(PARENTS) if isinstance(record, dict) else None
    if not isinstance(parents, dict):
        return None
    return {int(child): int(mother) for child, mother in parents.items()}


def show_linked(
    viewer: napari.Viewer, source: ImageLayer, numbered: Numbered, linked: Linked
) -> Labels:
    """Add labels that were linked, in place of earlier ones that were not edited.

    Parameters
    ----------
    viewer
        The layer is added to it.
    source
        The layer of the image under the labels.
    numbered
        The labels that were linked; their layer stays as it is, and is hidden.
    linked
        The result.

    Returns
    -------
    Labels
        The labels with the numbers of their tracks.
    """
    placed = place(source, numbered.image.axes)
    purpose = _purpose(numbered, "tracked")
    parents = {str(child): mother for child, mother in linked.tracks.parents.items()}
    result = result_layer(viewer, source, placed, linked.labels.dtype, purpose, {})
    result.write(tuple(slice(0, n) for n in linked.labels.shape), linked.labels)
    made_by = _made_by(numbered.layer)
    record = {
        **_taken_over(numbered.layer),
        "purpose": purpose,
        PARENTS: parents,
        "made_by": made_by,
    }
    result.finish(record)
    show_alone(viewer, source, result.layer)
    numbered.layer.visible = False
    return result.layer


def show_tracks(
    viewer: napari.Viewer, source: ImageLayer, numbered: Numbered, tracks: Tracks, labels: Labels
) -> None:
    """Draw tracks in the colours of their objects, in place of earlier ones of the same labels.

    Nothing is drawn where time is not the first axis of the image: napari takes the first for time.

    Parameters
    ----------
    viewer, source, numbered
        As for `show_linked`.
    tracks
        The tracks.
    labels
        The layer that `show_linked` has added.
    """
    axes = numbered.image.label_axes
    if axes[0] != "T":
        return
    placed, purpose = place(source, numbered.image.axes), _purpose(numbered, "tracks")
    for layer in earlier_layers(viewer, source, purpose, TracksLayer):
        viewer.layers.remove(layer)
    points = tracks.points()
    kept = [d for d, part in enumerate(placed.inside) if isinstance(part, slice)]
    data = np.zeros((len(points), 1 + len(placed.shape)))
    data[:, [0, *(1 + kept[axes.index(a)] for a in "T" + tracks.axes)]] = points
    layer = TracksLayer(
        data,
        graph=tracks.graph,
        name=f"{source.name} tracks",
        tail_length=TAIL,
        # a map of numbers to colours, as napari wants it
        colormaps_dict={"track_id": labels.colormap},
        metadata=tagged(source, purpose),
        **placed.transform,
    )
    add_quietly(viewer, layer)


def _purpose(numbered: Numbered, title: str) -> dict[str, Any]:
    # other labels of the same image are linked for themselves
    return {"title": title, "objects": True, "labels": str(numbered.layer.unique_id)}


def _taken_over(layer: Labels) -> dict[str, Any]:
    """Return what the record of a result also says of the same objects with other numbers."""
    record = layer.metadata.get(RECORD)
    known = record if isinstance(record, dict) else {}
    return {key: known[key] for key in ("complete", "model", "axes") if known.get(key)}


def _made_by(layer: Labels) -> dict[str, Any]:
    from napari_unet.services.files.provenance import new_record

    return new_record("track", "labels", {}, options={}, labels=record_of(layer))
