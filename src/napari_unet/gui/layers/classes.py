"""The classes of an annotation: names in its features, colours in its colormap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import remove_class
from napari_unet.gui.layers.annotation_layers import UNNAMED, class_names
from napari_unet.gui.layers.editing import apply, array_of, real
from napari_unet.gui.layers.purpose import MAX_CLASS_LABEL, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels


@dataclass(frozen=True)
class PaintClass:
    """A class, or another label that can be painted.

    Attributes
    ----------
    value
        Its label.
    name
        Its name.
    colour
        Red, green, blue and opacity, 0 to 1.
    fixed
        Whether it can't be removed: unlabelled, or the background.
    """

    value: int
    name: str
    colour: tuple[float, ...]
    fixed: bool


def classes_of(layer: Labels) -> list[PaintClass]:
    """Return what can be painted in a layer, in the order of the labels."""
    ground = UNNAMED[kind_of(layer)]
    names = [*ground, *class_names(layer)]
    colours = _colours(layer, len(names))
    return [
        PaintClass(i, name, tuple(map(float, colours[i])), i < len(ground))
        for i, name in enumerate(names)
    ]


def rename(layer: Labels, value: int, name: str) -> None:
    """Give a class another name.

    Raises
    ------
    UserError
        When another class has this name, or it is not a name.
    """
    names = [c.name for c in classes_of(layer)]
    name = name.strip()
    if not name or "," in name or name in names[:value] + names[value + 1 :]:
        raise UserError(
            "A class can't have this name",
            value=name or "nothing",
            rule="Each class has a name of its own, without commas.",
            remedy="Type another name.",
        )
    names[value] = name
    _name(layer, names)


def recolour(layer: Labels, value: int, colour: Sequence[float]) -> None:
    """Give a class another colour."""
    colours = _colours(layer, max(len(classes_of(layer)), value + 1))
    colours[value] = colour
    _show(layer, colours)


def add_class(layer: Labels) -> int:
    """Add a class, with a colour of its own while there are some left; return its label.

    Raises
    ------
    UserError
        When there are no labels left.
    """
    known = classes_of(layer)
    value = len(known)
    last = min(MAX_CLASS_LABEL, int(np.iinfo(layer.data.dtype).max))
    if value > last:
        raise UserError(
            "No more classes can be added",
            value=value,
            rule=f"Labels of classes go up to {last}.",
            remedy="Remove a class that you don't need.",
        )
    names = [c.name for c in known]
    i = value - len(UNNAMED[kind_of(layer)]) + 1
    while f"class {i}" in names:
        i += 1
    _name(layer, [*names, f"class {i}"])
    return value


class Removal:
    """A class that was removed: napari's undo brings its paint back, and this its name and colour.

    Parameters
    ----------
    layer
        The layer.
    value
        Its label; the labels above it move down by one.

    Raises
    ------
    UserError
        When the layer can't be edited.
    """

    def __init__(self, layer: Labels, value: int) -> None:
        self._layer = real(layer)
        self._before = self._looks()
        edit = remove_class(array_of(layer), value)
        names = [c.name for c in classes_of(layer)]
        colours = _colours(layer, len(names))
        # the colour moves to the end, for the next class that is added
        moved = np.concatenate([np.delete(colours, value, axis=0), colours[value : value + 1]])
        apply(layer, edit.where, edit.values)
        _name(layer, names[:value] + names[value + 1 :])
        _show(layer, moved)
        self._after = self._looks()
        self._gone = True
        self._step = self._layer._undo_history[-1][0] if len(edit.values) else None
        self._layer.events.set_data.connect(self._follow)

    def let_go(self) -> None:
        """Stop listening to the layer."""
        self._layer.events.set_data.disconnect(self._follow)

    def _looks(self) -> tuple[Any, Any]:
        return self._layer.features, self._layer.colormap

    def _follow(self, _: object = None) -> None:
        """Show the class while its removal is undone."""
        history = self._layer._undo_history if not self._gone else self._layer._redo_history
        if any(self._step is part for step in history for part in step):
            self._gone = not self._gone
            looks = self._after if self._gone else self._before
            self._layer.features, self._layer.colormap = looks


def _name(layer: Labels, names: Sequence[str]) -> None:
    layer.features = {"index": list(range(len(names))), "class": list(names)}


def _colours(layer: Labels, least: int) -> Any:
    """Return the colours of at least so many labels, repeated as napari repeats them."""
    colormap = layer.colormap
    if isinstance(real(colormap), CyclicLabelColormap):
        own = np.array(colormap.colors)
        rest = [own[(i - 1) % (len(own) - 1) + 1] for i in range(len(own), least)]
        return np.array([*own, *rest])
    return np.array([colormap.map(i) for i in range(least)])


def _show(layer: Labels, colours: Any) -> None:
    layer.colormap = CyclicLabelColormap(
        colors=colours, use_selection=layer.show_selected_label, selection=layer.selected_label
    )
