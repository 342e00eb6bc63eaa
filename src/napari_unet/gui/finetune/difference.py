"""Where the old and the new network differ, as a layer over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.images import selection_kept
from napari_unet.gui.layers.placement import on_screen, place
from napari_unet.gui.layers.purpose import DIFFERENCE
from napari_unet.gui.layers.results import result_layer
from napari_unet.gui.layers.visibility import show_alone
from napari_unet.gui.session.responsiveness import torch_ready
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    import napari

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.evaluation.compare import Compared


LEGEND = "Turquoise: only before; orange: only now; violet: otherwise."
"""The meaning of the first colours of results in this layer."""


def show_difference(
    viewer: napari.Viewer,
    jobs: Jobs,
    pair: LayerPair,
    before: Model,
    now: Model,
    channels: tuple[int | str, ...] | None = None,
) -> None:
    """Segment what is on the screen with two models, and show where the results differ.

    Parameters
    ----------
    viewer
        A labels layer is added to it; that of an earlier call is reused.
    jobs
        Runs the job.
    pair
        The image and its annotation.
    before, now
        The models, the older one first.
    channels
        Channels of the image, for both models; None: the first ones.

    Raises
    ------
    UserError
        When another job is running, or nothing of the image is on the screen.
    """
    image, source = pair.image, pair.source
    if not pair.is_open(viewer):
        raise UserError(
            f"The image of {source.name!r} is not open any more",
            rule="The difference is shown on the image that was learnt from.",
            remedy="Open it and train on it again, or compare in Segment.",
        )
    region = on_screen(viewer, source, image, now.spec.axes)

    def show(outcome: Outcome[Compared]) -> None:
        compared = outcome.result
        if compared is None or source not in viewer.layers:
            return
        # it imports torch, which is loaded by now
        from napari_unet.core.evaluation.difference import KINDS

        placed = place(source, image.axes, region)
        purpose = {"title": DIFFERENCE}
        with selection_kept(viewer):
            layer = result_layer(viewer, source, placed, np.dtype(np.uint8), purpose, KINDS)
        layer.write(region, compared.labels)
        layer.finish({"models": [before.spec.name, now.spec.name], "purpose": purpose})
        show_alone(viewer, source, layer.layer)
        jobs.reported.emit(f"{compared} {LEGEND}")

    jobs.start(
        f"Comparing on {source.name}", _job(image, before, now, region, channels), on_end=show
    )


def _job(
    image: Image, before: Model, now: Model, region: Box, channels: tuple[int | str, ...] | None
) -> Job[Compared]:
    yield from torch_ready()
    from napari_unet.services.evaluation.compare import compare

    return (
        yield from compare(image, before, now, SegmentOptions(channels=channels), region=region)
    )
