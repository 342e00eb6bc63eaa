"""What *Where to paint next* has a thread do."""

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
class Found:
    """How unsure the network is, and the place to go to; None: nothing is left."""

    doubts: UncertaintyMap
    place: Place | None


def find_job(
    maps: Job[CachedOutputs],
    doubts: UncertaintyMap | None,
    pairs: Sequence[LayerPair],
    visited: Sequence[Place],
) -> Job[Found]:
    """Find the next place; `doubts` and `visited` count if they are of the same maps."""
    kept = yield from maps
    if doubts is None or doubts.outputs is not kept:
        doubts, visited = (yield from uncertainty_map(kept)), ()
    annotations = [pair.annotation(pair.paint()) for pair in pairs]
    places = yield from next_regions(doubts, annotations, visited=visited)
    return Found(doubts, places[0] if places else None)


def unsure_job(maps: Job[CachedOutputs]) -> Job[tuple[CachedOutputs, NDArray[Any]]]:
    """Return what the network says, and how unsure it is of each pixel."""
    kept = yield from maps
    return kept, (yield from uncertainty_of(kept))


def known(kept: CachedOutputs) -> Job[CachedOutputs]:
    """Stand in for the network where what it says is known."""
    yield from ()
    return kept


def annotated(
    viewer: napari.Viewer, source: ImageLayer, image: Image, labels: Labels | None
) -> list[LayerPair]:
    """Return what is annotated: scribbles where they are, classes and objects where they are checked.

    Corrected results are painted all over, so that their paint says nothing.
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
