"""Edits of the plane of a labels layer that is shown, which napari can undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.placement import looked_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.core.objects.edit import Edit


@dataclass(frozen=True, eq=False)
class View:
    """The plane of a layer that is shown, or the volume around it.

    Attributes
    ----------
    labels
        Its labels; not a copy.
    shape
        Of the whole layer.
    dims
        The dimension of the layer that each axis of `labels` is.
    plane
        The two of them that are on the screen, in the order of the layer.
    position
        Which plane is shown: the index along each other dimension of the layer.
    """

    labels: NDArray[Any]
    shape: tuple[int, ...]
    dims: tuple[int, ...]
    plane: tuple[int, int]
    position: Mapping[int, int]

    def at(self, place: NDArray[Any]) -> int:
        """Return the label at a position in the data, in this plane; 0 outside."""
        pixel = tuple(self.position.get(d, round(float(place[d]))) for d in self.dims)
        inside = all(0 <= i < n for i, n in zip(pixel, self.labels.shape, strict=True))
        return int(self.labels[pixel]) if inside else 0

    def through(self, pixels: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the mask of pixels of the plane, (n, 2), extended through all planes of the view."""
        mask = np.zeros([self.shape[d] for d in self.plane], bool)
        mask[tuple(self._inside(pixels).T)] = True
        others = tuple(i for i, d in enumerate(self.dims) if d not in self.plane)
        return np.broadcast_to(np.expand_dims(mask, others), self.labels.shape)

    def object_at(self, place: NDArray[Any], rule: str) -> int:
        """Return the number of the object at a place.

        Parameters
        ----------
        place
            As for `at`.
        rule
            What objects are clicked for, for the message.

        Raises
        ------
        UserError
            When there is none.
        """
        number = self.at(place)
        if not number:
            raise UserError(
                "There is no object under the mouse", rule=rule, remedy="Click inside an object."
            )
        return number

    def on_plane(self, pixels: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
        """Return the indices in the whole layer of pixels of the plane, (n, 2)."""
        return self._filled(dict(zip(self.plane, self._inside(pixels).T, strict=True)))

    def everywhere(self, edit: Edit) -> tuple[NDArray[np.intp], ...]:
        """Return the indices in the whole layer of an edit of `labels`."""
        return self._filled(dict(zip(self.dims, edit.where, strict=True)))

    def _inside(self, pixels: NDArray[np.intp]) -> NDArray[np.intp]:
        sizes = [self.shape[d] for d in self.plane]
        inside: NDArray[np.intp] = pixels[((pixels >= 0) & (pixels < sizes)).all(axis=1)]
        return inside

    def _filled(self, own: Mapping[int, NDArray[np.intp]]) -> tuple[NDArray[np.intp], ...]:
        n = len(own[self.plane[0]])
        return tuple(
            own[d] if d in own else np.full(n, self.position[d], np.intp)
            for d in range(len(self.shape))
        )


def real(layer: Labels) -> Any:
    """Return the layer itself: plugins get a proxy, which hides its history."""
    return getattr(layer, "__wrapped__", layer)


def array_of(layer: Labels) -> NDArray[Any]:
    """Return the labels of a layer that can be edited now.

    Raises
    ------
    UserError
        When it can't.
    """
    problem, remedy = "", ""
    if layer.multiscale or not isinstance(layer.data, np.ndarray):
        problem, remedy = "is stored on disk", "Press “Correct this result” to copy it into memory."
    elif not layer.editable:
        problem, remedy = "is being filled in", "Wait until it is complete."
    elif not layer.visible:
        # napari does not follow the view in hidden layers
        problem, remedy = "is hidden", "Show it: click the eye beside its name in the layer list."
    if problem:
        raise UserError(
            f"{layer.name!r} {problem}",
            rule="Labels can be edited if they are visible and in memory.",
            remedy=remedy,
        )
    return cast("NDArray[Any]", layer.data)


def view_of(viewer: napari.Viewer, layer: Labels, ndim: int | None = None) -> View:
    """Return the plane of a layer that is shown, or the volume around it.

    Parameters
    ----------
    viewer
        Shows a plane of the layer.
    layer
        The layer.
    ndim
        2 for the plane, 3 for the volume; None: what napari's *n edit dim* asks for.

    Raises
    ------
    UserError
        When the layer can't be edited, or no plane of it is shown.
    """
    data = array_of(layer)
    planes = looked_at(viewer, layer)
    if viewer.dims.ndisplay != 2:
        raise UserError(
            "The image is shown in 3-D",
            rule="The tools work on the plane that is shown.",
            remedy="Switch to 2-D with the button below the layer list.",
        )
    outside = [d for d, i in planes.items() if not 0 <= i < data.shape[d]]
    if outside:
        raise UserError(
            f"{layer.name!r} has no such plane",
            value=f"{planes[outside[0]]} of {data.shape[outside[0]]}",
            rule="The tools work on the plane that is shown.",
            remedy="Move the slider below the image to a plane of this layer.",
        )
    lead = viewer.dims.ndim - layer.ndim
    order = [d - lead for d in viewer.dims.order if d >= lead]
    dims = tuple(sorted(order[-max(2, ndim or layer.n_edit_dimensions) :]))
    first, second = sorted(set(range(layer.ndim)) - set(planes))
    index = tuple(slice(None) if d in dims else planes[d] for d in range(layer.ndim))
    return View(data[index], data.shape, dims, (first, second), planes)


def apply(layer: Labels, where: tuple[NDArray[np.intp], ...], values: NDArray[Any]) -> None:
    """Write values into a layer as one step that can be undone."""
    with real(layer).block_history():
        real(layer).data_setitem(where, values)
