"""A box in which one of the viewer's layers is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from napari_unet.gui.widgets.fields import make_narrow

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Layer

LIST_EVENTS = ("inserted", "removed", "reordered", "renamed")


class LayerBox(QComboBox):
    """Offers the layers of one kind, the topmost first, and follows the viewer's list.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    tip
        What the layer is for.
    wanted
        Whether a layer is offered.
    nothing
        The first entry, which stands for no layer; None: there is no such entry.
    taken
        Whether a layer that is selected in the viewer is chosen; None: any that is offered.
    """

    layer_changed = Signal()
    """Another layer is chosen."""
    followed = Signal()
    """The user has selected the layer that is chosen, which may have been chosen before."""
    listed = Signal()
    """What is offered may be different."""

    def __init__(
        self,
        viewer: napari.Viewer,
        tip: str,
        wanted: Callable[[Layer], bool],
        nothing: str | None = None,
        taken: Callable[[Layer], bool] | None = None,
    ) -> None:
        super().__init__()
        make_narrow(self)
        self.setToolTip(tip)
        self.follows = nothing is None
        self._viewer = viewer
        self._wanted = wanted
        self._nothing = nothing
        self._taken = taken
        self.currentIndexChanged.connect(self._tell)
        for event in LIST_EVENTS:
            getattr(viewer.layers.events, event).connect(self.renew)
        viewer.layers.selection.events.active.connect(self._follow)
        self.renew()

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        for event in LIST_EVENTS:
            getattr(self._viewer.layers.events, event).disconnect(self.renew)
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self.currentData()

    @property
    def offered(self) -> list[Any]:
        """All layers that can be chosen, the topmost first."""
        found = [self.itemData(i) for i in range(self.count())]
        return found if self._nothing is None else found[1:]

    def choose(self, layer: Layer | None) -> bool:
        """Choose a layer if it is offered; returns whether it is.

        Layers are compared, not told apart by identity: plugins see them through proxies.
        """
        row = next((i for i in range(self.count()) if self.itemData(i) == layer), -1)
        if layer is None or row < 0:
            return False
        self.setCurrentIndex(row)
        return True

    def renew(self, _: object = None) -> None:
        """Offer the layers that are wanted now, keeping the choice if it is there."""
        before = self.layer
        found = [layer for layer in reversed(self._viewer.layers) if self._wanted(layer)]
        with QSignalBlocker(self):
            self.clear()
            if self._nothing is not None:
                self.addItem(self._nothing, None)
            for layer in found:
                self.addItem(layer.name, layer)
            if before is not None:
                self.choose(before)
        if self.layer != before:
            self.layer_changed.emit()
        self.listed.emit()

    def _tell(self, _: int) -> None:
        self.layer_changed.emit()

    def _follow(self, event: Any) -> None:
        """Choose the layer that the user selects in the layer list."""
        layer = event.value
        if layer is None or (self._taken is not None and not self._taken(layer)):
            return
        if self.follows and self.choose(layer):
            self.followed.emit()
