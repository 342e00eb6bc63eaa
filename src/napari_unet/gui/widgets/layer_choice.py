"""A list to choose one of the viewer's layers from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unet.gui.widgets.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Layer

LIST_EVENTS = ("inserted", "removed", "reordered", "renamed")


class LayerChoice(Choice):
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
    parent
        The widget that it belongs to, where it is not laid out.
    """

    followed = Signal()
    """The user has selected the layer that is chosen, which may have been chosen before."""
    listed = Signal()
    """The layers that are offered may have changed."""

    def __init__(
        self,
        viewer: napari.Viewer,
        tip: str,
        wanted: Callable[[Layer], bool],
        nothing: str | None = None,
        taken: Callable[[Layer], bool] | None = None,
        **widget: Any,
    ) -> None:
        self.follows = nothing is None
        self._viewer = viewer
        self._wanted = wanted
        self._nothing = nothing
        self._taken = taken
        super().__init__(choices=self._list, tooltip=tip, **widget)
        for event in LIST_EVENTS:
            getattr(viewer.layers.events, event).connect(self.reset_choices)
        viewer.layers.selection.events.active.connect(self._follow)

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        for event in LIST_EVENTS:
            getattr(self._viewer.layers.events, event).disconnect(self.reset_choices)
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self.get_value()

    @property
    def offered(self) -> list[Any]:
        """All layers that can be chosen, the topmost first."""
        return [layer for layer in self.choices if layer is not None]

    def choose(self, layer: Layer | None) -> bool:
        """Choose a layer if it is offered; returns whether it is.

        Layers are compared, not told apart by identity: plugins see them through proxies.
        """
        if layer is None or layer not in self.offered:
            return False
        self.set_value(layer)
        return True

    def reset_choices(self, *_: Any) -> None:
        """Offer the layers that are wanted now, keeping the choice if it is there."""
        super().reset_choices()
        self.listed.emit()

    def _list(self, _: object) -> list[tuple[str, Any]]:
        nothing = [] if self._nothing is None else [(self._nothing, None)]
        layers = [layer for layer in reversed(self._viewer.layers) if self._wanted(layer)]
        return [*nothing, *((layer.name, layer) for layer in layers)]

    def _follow(self, event: Any) -> None:
        """Choose the layer that the user selects in the layer list."""
        layer = event.value
        if layer is None or (self._taken is not None and not self._taken(layer)):
            return
        if self.follows and self.choose(layer):
            self.followed.emit()
