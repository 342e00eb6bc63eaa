"""Shows what a network has learnt so far on what is on the screen, while it keeps learning."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import QObject, QTimer

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.images import add_quietly
from napari_unet.gui.layers.placement import on_screen, place
from napari_unet.gui.layers.purpose import LEARNING
from napari_unet.gui.layers.result_layer import RECORD, Content
from napari_unet.gui.layers.results import COLOURS, earlier_layers, tagged

if TYPE_CHECKING:
    import napari

    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.services.training.keep_learning import Screen, Shown

LOOK_MS = 400
"""Time between two looks at what is on the screen."""
PURPOSE = {"title": LEARNING}
"""The purpose of the preview layer."""


class LivePreview(QObject):
    """Tells a training what is on the screen, and shows its result below the annotation.

    Parameters
    ----------
    viewer
        The viewer.
    pair
        The image and its annotation.
    spatial
        Spatial axes of the network.
    """

    def __init__(self, viewer: napari.Viewer, pair: LayerPair, spatial: str) -> None:
        super().__init__()
        self._spatial = spatial
        self._viewer = viewer
        self._pair = pair
        self._screen: Screen | None = None
        self._layer: Labels | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def begin(self, screen: Screen) -> None:
        """Keep a training informed from now on."""
        self._screen = screen
        self._timer.start()
        self._look()

    def let_go(self) -> None:
        """Stop; the preview layer stays."""
        self._timer.stop()
        self._screen = None

    def show(self, step: Shown) -> None:
        """Show a segmentation; not if the user has removed the preview layer."""
        if self._screen is None or not self._wanted:
            return
        source, image = self._pair.source, self._pair.image
        placed = place(source, image.axes, step.region)
        data = step.labels[placed.outside]
        metadata = tagged(source, PURPOSE)
        metadata[RECORD]["model"] = step.model.spec.name
        if self._layer is None:
            # the preview layer of an earlier training on this image
            earlier = earlier_layers(self._viewer, source, PURPOSE, Labels)
            self._layer = next(iter(earlier), None)
        if self._layer is not None:
            Content(data, placed.transform["translate"], metadata).put_into(self._layer)
        else:
            colours = CyclicLabelColormap(colors=["transparent", *COLOURS])
            self._layer = Labels(
                data,
                name=f"{source.name} {LEARNING}",
                opacity=0.4,
                colormap=colours,
                metadata=metadata,
                **placed.transform,
            )
            add_quietly(self._viewer, self._layer, below=self._pair.labels)
        # a stroke would be lost at the next update
        self._layer.editable = False

    @property
    def _wanted(self) -> bool:
        kept = self._layer is None or self._layer in self._viewer.layers
        return kept and self._pair.is_open(self._viewer)

    def _look(self) -> None:
        if self._screen is None:
            return
        image, source = self._screen.image, self._pair.source
        self._screen.region = None
        if self._wanted:
            # nothing of it may be on the screen
            with contextlib.suppress(UserError):
                self._screen.region = on_screen(self._viewer, source, image, self._spatial)
