"""A disc on the image, as large as its objects, that can be dragged and resized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, Signal

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.placement import letters_of, place
from napari_unet.gui.layers.purpose import SIZE
from napari_unet.gui.layers.result_layer import RECORD

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer
    from numpy.typing import NDArray

COLOUR = "#ffd60a"
EDGE_SHARE, THINNEST = 0.04, 0.4
"""Width of the edge as a share of the diameter, and in pixels at least."""
SAME = 0.05
"""Pixels by which a disc may differ from a diameter that it shows."""


class SizeDisc(QObject):
    """Shows a diameter as a disc in a Shapes layer of its own.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Its viewer.
    """

    resized = Signal(float)
    """The user has resized the disc; its diameter in pixels of the image."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Shapes | None = None
        self._source: ImageLayer | None = None
        self._shown = 0.0
        viewer.layers.events.removed.connect(self._drop_removed)

    def let_go(self) -> None:
        """Listen to the viewer no more; the disc stays."""
        self._viewer.layers.events.removed.disconnect(self._drop_removed)
        if self._layer is not None:
            self._layer.events.data.disconnect(self._take)
        self._layer = self._source = None

    def show(self, source: ImageLayer, axes: str, diameter: float) -> None:
        """Show a diameter on an image, in the middle of what is in view.

        Parameters
        ----------
        source
            The image layer.
        axes
            A letter for each dimension of its array.
        diameter
            In pixels along X.

        Raises
        ------
        UserError
            When Y and X are not the last axes of the image.
        """
        placed = place(source, axes)
        letters = letters_of(placed, source, axes)
        if not letters.endswith("YX"):
            raise UserError(
                "The size can't be shown on this image",
                value=f"axes {axes}",
                rule="Y and X must be its last axes.",
                remedy="Set the diameter as a number.",
            )
        if self._source is not source:
            self.hide()
        if self._layer is None:
            self._add(source, placed.transform, placed.shape[-2:], diameter)
        else:
            self.set(diameter)
        self._viewer.layers.selection.active = self._layer

    def set(self, diameter: float) -> None:
        """Let the disc show another diameter, if it is shown."""
        if self._layer is None or abs(self._shown - diameter) < SAME:
            return
        centre = np.mean(self._layer.data[-1], axis=0) if len(self._layer.data) else (0.0, 0.0)
        self._draw(np.asarray(centre), diameter)

    def hide(self) -> None:
        """Remove the disc."""
        if self._layer is not None:
            self._viewer.layers.remove(self._layer)

    def _add(
        self, source: ImageLayer, transform: dict[str, Any], shape: tuple[int, ...], diameter: float
    ) -> None:
        layer = Shapes(
            ndim=2,
            name=f"{source.name} object size",
            metadata={RECORD: {"purpose": {"title": SIZE}}},
            **_of_planes(transform),
        )
        self._viewer.add_layer(layer)
        self._layer, self._source = layer, source
        self._draw(_centre(source, shape), diameter)
        layer.mode = "select"
        layer.events.data.connect(self._take)

    def _draw(self, centre: NDArray[np.float64], diameter: float) -> None:
        assert self._layer is not None
        self._shown = diameter
        corners = centre + diameter / 2 * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
        with self._layer.events.data.blocker(self._take):
            self._layer.data = []
            self._layer.add_ellipses(
                [corners],
                edge_width=max(EDGE_SHARE * diameter, THINNEST),
                edge_color=COLOUR,
                face_color="transparent",
            )
            self._layer.selected_data = {0}

    def _take(self, _: object = None) -> None:
        if self._layer is None or not len(self._layer.data):
            return
        corners = np.asarray(self._layer.data[-1])
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        diameter = float(sides.mean())
        if abs(diameter - self._shown) >= SAME:
            self._shown = diameter
            self.resized.emit(diameter)

    def _drop_removed(self, event: Any) -> None:
        if event.value is self._layer or event.value is self._source:
            gone, self._layer, self._source = self._layer, None, None
            if event.value is not gone and gone in self._viewer.layers:
                self._viewer.layers.remove(gone)


def _centre(source: ImageLayer, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the middle of what is in view of an image, in its pixels."""
    first, last = (source.corner_pixels * source.downsample_factors[source.data_level])[:, -2:]
    # before anything is drawn there is no view yet
    view = all(last > first)
    return np.asarray((first + last) / 2 if view else (np.array(shape) - 1) / 2, np.float64)


def _of_planes(transform: dict[str, Any]) -> dict[str, Any]:
    """Return the placement of a plane in the last two axes; it is seen in all planes."""
    n = len(transform["scale"])
    lists = {key: transform[key][-2:] for key in ("scale", "translate", "units", "axis_labels")}
    matrices = {key: np.asarray(transform[key])[-2:, -2:] for key in ("rotate", "shear")}
    return {**lists, **matrices, "affine": transform["affine"].set_slice([n - 2, n - 1])}
