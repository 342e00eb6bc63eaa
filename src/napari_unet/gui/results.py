"""From results to layers: made at once, filled in tile by tile, never over something painted."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.gui.placement import Placement, looked_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from numpy.typing import NDArray


RECORD = "napari_unet"
"""Key of a layer's metadata under which its record lies."""

CHECKED_BYTES = 1 << 27
"""Largest layer that is compared with what was written into it; a larger one is never reused."""

REFRESH_S = 0.2
"""Shortest time between two refreshes of a layer."""

COLOURS = ("#2dd4bf", "#f59e0b", "#a78bfa", "#f472b6", "#84cc16", "#38bdf8", "#fb7185", "#e5e7eb")
"""For the classes, in turn: easy to tell apart, and from a grey image."""


class ResultLayer:
    """A labels layer while it is being filled.

    Parameters
    ----------
    viewer, layer
        The layer and where it is shown.
    placed
        How it lies over the image.
    before
        What it held, if it is used again.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        layer: Labels,
        placed: Placement,
        before: _Content | None = None,
    ) -> None:
        self.layer = layer
        self.empty = True
        # a stroke painted meanwhile would be overwritten by the tile that comes
        layer.editable = False
        self._viewer = viewer
        self._before = before
        self._placed = placed
        self._labels = layer.data[placed.inside]
        self._written: list[tuple[slice | int, ...]] = []
        self._next = 0.0

    def write(self, where: tuple[slice | int, ...], block: NDArray[Any]) -> None:
        """Write a finished block, given its place in the labels of the whole image."""
        here = self._placed.local(where)
        self._labels[here] = block
        self._written.append(here)
        self.empty = False
        self._before = None

    def show(self) -> None:
        """Show what was written, a few times a second and for a small share of the time."""
        start = time.perf_counter()
        if not self._written or start < self._next:
            return
        planes = self._placed.label_axes(looked_at(self._viewer, self.layer))
        if any(_meets(where, planes) for where in self._written):
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        self._written.clear()
        now = time.perf_counter()
        self._next = now + max(REFRESH_S, 5 * (now - start))

    def finish(self, record: Mapping[str, Any]) -> None:
        """Show all of it, keep a record of how it came about, and hand it over for painting."""
        self.layer.editable = True
        self.layer.refresh(highlight=False, extent=False)
        known = {**self.layer.metadata[RECORD], **record, "checksum": _checksum(self.layer.data)}
        self.layer.metadata = {**self.layer.metadata, RECORD: known}

    @property
    def untouched(self) -> bool:
        """Whether the layer holds what was written, as far as that can be told quickly."""
        return _untouched(self.layer)

    def planes(self, looked_at: Mapping[int, int]) -> tuple[int | None, ...]:
        """Turn positions by dimension of the layer into positions by label axis, None where free."""
        return self._placed.label_axes(looked_at)

    def restore(self) -> bool:
        """Put back what an earlier run had left, if there was one and nothing is written yet."""
        if self._before is None:
            return False
        self._before.put_into(self.layer)
        self.layer.editable = True
        return True

    def withdraw(self) -> None:
        """Leave things as they were, nothing having been written."""
        if not self.restore() and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)


@dataclass(frozen=True)
class _Content:
    """What a layer holds."""

    data: Any
    translate: Any
    metadata: dict[str, Any]

    @classmethod
    def of(cls, layer: Layer) -> _Content:
        # the dictionary of a layer stays the same one, with other entries
        return cls(layer.data, layer.translate, dict(layer.metadata))

    def put_into(self, layer: Layer) -> None:
        layer.data, layer.translate, layer.metadata = self.data, self.translate, self.metadata


def result_layer(
    viewer: napari.Viewer,
    source: ImageLayer,
    placed: Placement,
    dtype: np.dtype[Any],
    purpose: Mapping[str, Any],
    classes: Mapping[int, str],
) -> ResultLayer:
    """Return an empty labels layer for an image layer, on top of the others.

    The one that an earlier run with the same purpose made is emptied and used again, unless
    anything in it was changed since.

    Parameters
    ----------
    viewer
        Where it goes.
    source
        The image layer.
    placed
        How the labels lie over it.
    dtype
        Of the labels.
    purpose
        ``title``, which follows the image's name, and whatever else tells apart runs that must not
        replace each other's result.
    classes
        Names of the label values, background left out; empty where labels number objects.
    """
    data = np.zeros(placed.shape, dtype)
    layer = next((x for x in _earlier(viewer, source, purpose, Labels) if _untouched(x)), None)
    tag = _tagged(source, purpose)
    if layer is not None:
        before = _Content.of(layer)
        _Content(data, placed.transform["translate"], {**layer.metadata, **tag}).put_into(layer)
        return ResultLayer(viewer, layer, placed, before)
    layer = Labels(
        data,
        name=f"{source.name} {purpose['title']}",
        opacity=0.5,
        metadata=tag,
        **(_classes_shown(classes) if classes else {}),
        **placed.transform,
    )
    viewer.add_layer(layer)
    return ResultLayer(viewer, layer, placed)


def _classes_shown(classes: Mapping[int, str]) -> dict[str, Any]:
    """Return what gives each class a colour of its own, and its name in the status bar."""
    names = {0: "background", **classes}
    return {
        "colormap": CyclicLabelColormap(colors=["transparent", *COLOURS]),
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
        As for :func:`result_layer`.
    classes
        Probability of each class, with the axes of the labels.
    """
    for name, values in classes.items():
        data = values[placed.outside]
        this = {**purpose, "class": name}
        layer = next(iter(_earlier(viewer, source, this, ImageLayer)), None)
        if layer is not None:
            _Content(data, placed.transform["translate"], layer.metadata).put_into(layer)
            continue
        layer = ImageLayer(
            data,
            name=f"{source.name} P({name})",
            contrast_limits=(0, 1),
            colormap="magma",
            blending="additive",
            visible=False,
            metadata=_tagged(source, this),
            **placed.transform,
        )
        viewer.add_layer(layer)


def _tagged(source: ImageLayer, purpose: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata that say what a layer is for."""
    return {RECORD: {"source": str(source.unique_id), "purpose": dict(purpose), "checksum": None}}


def _earlier(
    viewer: napari.Viewer, source: ImageLayer, purpose: Mapping[str, Any], kind: type[Layer]
) -> list[Any]:
    """Return the layers that earlier runs with the same purpose made, the topmost first."""
    tag = (str(source.unique_id), dict(purpose))
    records = [(layer, layer.metadata.get(RECORD, {})) for layer in reversed(viewer.layers)]
    return [
        layer
        for layer, record in records
        if isinstance(layer, kind) and (record.get("source"), record.get("purpose")) == tag
    ]


def _untouched(layer: Labels) -> bool:
    """Whether a layer holds what a finished run wrote, as far as that can be told quickly."""
    sealed = layer.metadata[RECORD]["checksum"]
    return sealed is not None and sealed == _checksum(layer.data)


def _meets(where: tuple[slice | int, ...], planes: tuple[int | None, ...]) -> bool:
    """Whether a block lies on the planes that are looked at; None stands for all."""
    return all(
        plane is None or (w.start <= plane < w.stop if isinstance(w, slice) else w == plane)
        for w, plane in zip(where, planes, strict=True)
    )


def _checksum(data: Any) -> int | None:
    """Return a checksum of an array; None if that would take too long."""
    if not isinstance(data, np.ndarray) or data.nbytes > CHECKED_BYTES:
        return None
    return zlib.crc32(np.ascontiguousarray(data).data)
