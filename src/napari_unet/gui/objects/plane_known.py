"""What is known of the plane that is edited: the image, the network's outputs, the size of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.colour import combine, has_colours
from napari_unet.core.objects.diameters import diameters, typical
from napari_unet.gui.layers.diameter import kept_diameter

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.layers.editing import View
    from napari_unet.gui.session.session import Session

USUAL_DIAMETER = 20.0
"""Of objects in pixels, if nothing tells it."""


@dataclass(frozen=True, eq=False)
class PlaneKnown:
    """Arrays of a plane, and a size.

    Attributes
    ----------
    pixels
        (Y, X): the image, one channel.
    maps
        uint8, (channels, Y, X): the network's outputs; None if they are not at hand.
    labels
        (Y, X): the objects; not a copy.
    diameter
        Of a typical object, in pixels.
    """

    pixels: NDArray[Any]
    maps: NDArray[np.uint8] | None
    labels: NDArray[Any]
    diameter: float


def plane_known(
    session: Session, source: ImageLayer, image: Image, labels: NDArray[Any], view: View
) -> PlaneKnown:
    """Collect what is known of a plane.

    Parameters
    ----------
    session
        Keeps the outputs of the network for the last image.
    source, image
        The image that the labels cover, and its layer.
    labels
        All of them.
    view
        Which plane.
    """
    index = tuple(slice(None) if d in view.plane else view.position[d] for d in range(labels.ndim))
    plane, cached = labels[index], session.cached_outputs
    maps = None
    if cached is not None and cached.image.data is image.data:
        maps = np.asarray(cached.probabilities[(slice(None), *index)])
    kept, model = kept_diameter(source), session.model
    # as a label image says best how large its objects are; a cut-out object or two tell nothing
    diameter = kept.pixels if kept is not None else typical(diameters(plane))
    if not diameter > 0 and model is not None and model.spec.diameter:
        diameter = model.spec.diameter
    return PlaneKnown(_pixels(image, index), maps, plane, float(diameter or USUAL_DIAMETER))


def _pixels(image: Image, index: tuple[Any, ...]) -> NDArray[Any]:
    """Return a plane of an image: its first channel, or the brightness of its colours."""
    where = dict(zip(image.label_axes, index, strict=True))
    colours = has_colours(image)
    every = slice(None)
    key = tuple(where.get(a, every if a == "S" and colours else 0) for a in image.axes)
    pixels = np.asarray(image.data[key])
    return combine(np.moveaxis(pixels, -1, 0), "luminance") if colours else pixels
