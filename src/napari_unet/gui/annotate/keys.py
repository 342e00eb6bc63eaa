"""Keys bound to a layer while it is selected, and given back to napari afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.gui.layers.editing import real

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.layers import Labels


class LayerKeys:
    """Binds keys on one layer at a time; they take precedence over the keys of its type."""

    def __init__(self) -> None:
        self._layer: Any = None
        self._bound: dict[str, tuple[Any, Any]] = {}

    def bind(self, layer: Labels | None, actions: Mapping[str, Callable[[], None]]) -> None:
        """Bind keys on a layer, and unbind those bound before."""
        self.let_go()
        if layer is None:
            return
        self._layer = real(layer)
        for key, action in actions.items():
            call = _called(action)
            self._bound[key] = (call, self._layer.bind_key(key, call, overwrite=True))

    def let_go(self) -> None:
        """Restore the earlier bindings, unless others have replaced ours."""
        for key, (call, before) in self._bound.items():
            now = self._layer.bind_key(key, None)
            keep = before if now is call else now
            if keep is not None:
                self._layer.bind_key(key, keep)
        self._layer, self._bound = None, {}


def _called(action: Callable[[], None]) -> Callable[[Any], None]:
    def call(_: Any) -> None:
        action()

    return call
