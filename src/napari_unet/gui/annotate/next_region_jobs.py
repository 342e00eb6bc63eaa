"""The work of a suggestion, for another thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.layer_pair import pair_layers
from napari_unet.gui.layers.purpose import kind_of
from napari_unet.services.segmentation.next_region import (
    Place,
    UncertaintyMap,
    next_regions,
    uncertainty_map,
    uncertainty_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import Job
    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs


@dataclass(frozen=True, eq=False)
class Suggestion:
    """How unsure the network is, and the region to go to; None if none is left."""

    uncertainty: UncertaintyMap
    place: Place | None


def find_job(
    maps: Job[CachedOutputs],
    uncertainty: UncertaintyMap | None,
    pairs: Sequence[LayerPair],
    visited: Sequence[Place],
) -> Job[Suggestion]:
    """Find the next region; `uncertainty` and `visited` hold if they are of the same outputs."""
    outputs = yield from maps
    if uncertainty is None or uncertainty.outputs is not outputs:
        uncertainty, visited = (yield from uncertainty_map(outputs)), ()
    annotations = [pair.annotation(pair.paint()) for pair in pairs]
    places = yield from next_regions(uncertainty, annotations, visited=visited)
    return Suggestion(uncertainty, places[0] if places else None)


def uncertainty_job(maps: Job[CachedOutputs]) -> Job[tuple[CachedOutputs, NDArray[Any]]]:
    """Return the outputs of the network, and the uncertainty of each pixel."""
    outputs = yield from maps
    return outputs, (yield from uncertainty_of(outputs))


def annotated(
    viewer: napari.Viewer, source: ImageLayer, image: Image, labels: Labels | None
) -> list[LayerPair]:
    """Return what is annotated: scribbles where they are painted, other kinds where they are checked.

    A corrected result is painted everywhere, so that its paint alone does not tell.
    """
    if labels is None:
        return []
    kind = kind_of(labels)
    if kind == "scribbles":
        return [pair_layers(source, image, labels, kind, None)]
    shapes = checked_layer(viewer, source)
    if shapes is None or not len(shapes.data):
        return []
    return [pair_layers(source, image, labels, kind, shapes)]
