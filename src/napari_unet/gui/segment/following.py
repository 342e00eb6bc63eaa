"""A preview that follows the view as it moves, where the network is fast enough for that."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_unet.core.errors import UserError
from napari_unet.core.inference.outputs import label_dtype
from napari_unet.gui.layers.placement import on_screen, place
from napari_unet.gui.layers.result_layer import Content, Nowhere, ResultLayer
from napari_unet.gui.session.jobs import Jobs
from napari_unet.services.segmentation.options import labels_are_objects
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment_prepared
from napari_unet.services.segmentation.writers import TileDone

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.progress import Job
    from napari_unet.gui.layers.placement import Placement
    from napari_unet.gui.segment.run import Previewed, SegmentRun
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.image_form import ImageForm
    from napari_unet.gui.widgets.panel import Panel
    from napari_unet.gui.widgets.segment_form import SegmentForm
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.prepare import PreparedRun

FAST_S = 0.3
"""Longest time for a view that is followed."""
SETTLE_MS = 80
"""Time without a movement before what is in view is segmented."""
COLLECT_MS = 20
"""Time between two looks whether it is done."""


@dataclass(frozen=True)
class _View:
    """A part of the labels, its run, and the seconds that it took."""

    region: Box
    run: PreparedRun
    labels: NDArray[Any]
    seconds: float


class FollowingPreview(QObject):
    """Segments what comes into view, after a preview and until anything else is done.

    Views that would take longer than `FAST_S` are left out, until one zooms in again.

    Parameters
    ----------
    panel
        The panel; it says when the view is followed.
    settings, image
        Its forms. Another image or network ends it, other settings are followed.
    chosen
        Returns the options that are set.
    """

    def __init__(
        self,
        panel: Panel,
        settings: SegmentForm,
        image: ImageForm,
        chosen: Callable[[], SegmentOptions],
    ) -> None:
        super().__init__(panel)
        self._panel, self._viewer, self._chosen = panel, panel.viewer, chosen
        self._expected: SegmentRun | None = None
        self._what: Previewed | None = None
        self._shown: _View | None = None
        self._placed: Placement | None = None
        self._jobs = Jobs(self, COLLECT_MS)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLE_MS)
        self._settled.timeout.connect(self._look)
        settings.changed.connect(self._look_soon)
        image.changed.connect(self.stop)
        panel.session.model_changed.connect(self.stop)
        for event in self._moves:
            event.connect(self._look_soon)

    @property
    def _moves(self) -> tuple[Any, ...]:
        # napari 0.7 has the camera in the viewer, later ones in its scene
        camera = getattr(self._viewer, "scene", self._viewer).camera
        return camera.events.center, camera.events.zoom, self._viewer.dims.events.current_step

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.stop()
        self._jobs.abandon()
        for event in self._moves:
            event.disconnect(self._look_soon)

    def expect(self, run: SegmentRun | None) -> None:
        """Follow no longer, as another run begins; None: it is no preview."""
        self.stop()
        self._expected = run

    def begin(self) -> None:
        """Follow the view if the preview that was expected has ended, and is fast enough."""
        run, self._expected = self._expected, None
        what = None if run is None else run.previewed
        if what is None:
            return
        self._what, self._shown, self._placed = what, None, None
        # a stroke would be lost at the next movement
        what.layer.editable = False
        self._look()

    def stop(self, _: object = None) -> None:
        """Follow no longer; the labels stay, and can be painted on."""
        what, placed = self._what, self._placed
        self._what = None
        self._jobs.cancel()
        if what is None:
            return
        if placed is None or what.layer not in self._viewer.layers:
            what.layer.editable = True
        else:
            ResultLayer(self._viewer, what.layer, placed).finish({})

    def _look_soon(self, _: object = None) -> None:
        """Look at what is in view once it moves no more."""
        if self._what is not None:
            self._settled.start()

    def _look(self) -> None:
        what = self._what
        if what is None:
            return
        if not {what.source, what.layer} <= set(self._viewer.layers):
            self.stop()
            return
        if self._jobs.at_work or self._panel.session.jobs.running:
            self._settled.start()
            return
        try:
            options = self._chosen().model_copy(update={"probabilities": False})
            spatial = what.model.spec.axes
            region = on_screen(self._viewer, what.source, what.image, spatial)
        except UserError:
            # nothing of it is in view, or the form is being filled in
            return
        known = self._shown
        run = known.run if known is not None and known.run.options == options else None
        if known is not None and run is not None and self._same_or_slow(known, region):
            return
        job = _segmented(what, options, region, run)
        self._jobs.start("Preview", job, on_end=self._show)

    @staticmethod
    def _same_or_slow(known: _View, region: Box) -> bool:
        pixels = prod(part.stop - part.start for part in region)
        return region == known.region or known.seconds * pixels / known.labels.size > FAST_S

    def _show(self, outcome: Outcome[_View]) -> None:
        what, view, first = self._what, outcome.result, self._shown is None
        if what is None or view is None or what.layer not in self._viewer.layers:
            return
        if first and view.seconds > FAST_S:
            self.stop()
            return
        self._shown = view
        self._placed = place(what.source, what.image.axes, view.region)
        data = view.labels[self._placed.outside]
        content = Content(data, self._placed.transform["translate"], dict(what.layer.metadata))
        content.put_into(what.layer)
        what.layer.editable = False
        if first:
            self._panel.foot.message.add("It follows the view.")
        # the view may have moved meanwhile
        self._look_soon()


def _segmented(
    what: Previewed, options: SegmentOptions, region: Box, run: PreparedRun | None
) -> Job[_View]:
    """Segment a part; what was prepared for another one is used again."""
    if run is None:
        run = yield from prepare(what.image, what.model, options).sized()
    objects = labels_are_objects(what.model.spec, options)
    labels = np.zeros(
        [part.stop - part.start for part in region], label_dtype(what.model.spec, objects)
    )
    placed = place(what.source, what.image.axes, region)
    began = time.perf_counter()
    for step in segment_prepared(run.within(region), out=Nowhere()):
        if isinstance(step, TileDone):
            labels[placed.local(step.where)] = step.labels
        yield step
    return _View(region, run, labels, time.perf_counter() - began)
