"""The work behind a list of objects to review, for another thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_unet.gui.layers.layer_pair import pair_layers
from napari_unet.services.evaluation.doubt import Doubts, doubt_objects, suspect_annotations

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Shapes

    from napari_unet.core.progress import Job
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs

Order = Literal["doubt", "disagreement"]


@dataclass(frozen=True, eq=False)
class Listed:
    """The objects of an annotation, in the order to look at them.

    Attributes
    ----------
    by
        The column that they are ordered by.
    doubts
        The list.
    outputs
        The network's outputs that it comes from.
    """

    by: Order
    doubts: Doubts
    outputs: CachedOutputs


def list_job(
    outputs: Job[CachedOutputs],
    numbered: Numbered,
    source: ImageLayer,
    by: Order,
    known: Doubts | None,
    checked: Shapes | None,
) -> Job[Listed]:
    """Return the job that lists the objects of a layer.

    Parameters
    ----------
    outputs
        Gives the network's outputs.
    numbered, source
        The objects, and the layer of their image.
    by
        Which list.
    known
        The list before an edit; None: there is none.
    checked
        What was marked as checked: suspects are looked for there. None, or empty: everywhere.
    """
    shapes = checked if checked is not None and len(checked.data) else None
    pair = pair_layers(source, numbered.image, numbered.layer, "objects", shapes)

    def job() -> Job[Listed]:
        found = yield from outputs
        if by == "doubt":
            doubts = yield from doubt_objects(found, pair.paint(), known)
        else:
            doubts = yield from suspect_annotations(found, pair.annotation(pair.paint()))
        return Listed(by, doubts, found)

    return job()
