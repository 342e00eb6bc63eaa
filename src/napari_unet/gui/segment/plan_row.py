"""What a run will take, as the form is set: tiles, memory and time, in a line below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QTimer

from napari_unet.core.durations import format_seconds
from napari_unet.core.errors import UserError
from napari_unet.core.host_memory import free_memory
from napari_unet.core.memory_units import format_bytes
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.widgets.fields import text
from napari_unet.services.blocks.forecast import foresee
from napari_unet.services.blocks.job import BlockOptions
from napari_unet.services.segmentation.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.image_form import ImageForm
    from napari_unet.gui.widgets.panel import Panel
    from napari_unet.gui.widgets.segment_form import SegmentForm
    from napari_unet.services.blocks.forecast import Forecast
    from napari_unet.services.segmentation.options import SegmentOptions

TIP = "How the image will be tiled, how much memory it will take, and how long."
SETTLE_MS = 300
"""Time without a change in the form before the run is planned again."""


class PlanRow(QObject):
    """The line, and what keeps it up to date while nothing else runs.

    Parameters
    ----------
    panel
        The panel.
    settings, image
        Its forms.
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
        # with the panel, its timer ends too
        super().__init__(panel)
        self._session, self._image, self._chosen = panel.session, image, chosen
        self.label = text()
        self.label.setToolTip(TIP)
        self.label.installEventFilter(self)
        self._planner = Jobs(self)
        self._measured: tuple[Model, Any, float] | None = None
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLE_MS)
        self._settled.timeout.connect(self._make)
        image.changed.connect(self.renew)
        settings.changed.connect(self.renew)
        self._session.model_changed.connect(self.renew)
        self._session.jobs.ended.connect(self.renew)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Plan again when the line comes into sight."""
        if event.type() == QEvent.Type.Show:
            self.renew()
        return bool(super().eventFilter(watched, event))

    def let_go(self) -> None:
        """Plan no more."""
        self._settled.stop()
        self._planner.abandon()

    def renew(self, _: object = None) -> None:
        """Plan again once the form changes no more."""
        self._settled.start()

    def _make(self) -> None:
        """Have the plan made in a thread: for a large volume it takes a while."""
        model = self._session.model
        if model is None or self._session.jobs.running or self._planner.running:
            return
        try:
            options = self._chosen()
            where = options.device, options.precision, options.engine
            known = None
            if self._measured and self._measured[0] is model and self._measured[1] == where:
                known = self._measured[2]
            # where nobody looks, the network is left alone
            known = known if self.label.isVisible() else known or 0.0
            job = _forecast(self._image.image(), model, options, known)

            def show(outcome: Outcome[tuple[Forecast, float]]) -> None:
                # errors are shown when a run is started, not while the form is being filled in
                self.label.setText("")
                if outcome.result is not None:
                    foreseen, seconds = outcome.result
                    self._measured = (model, where, seconds) if seconds else None
                    self.label.setText(described(foreseen, free_memory()))

            self._planner.start("Planning", job, on_end=show)
        except UserError:
            self.label.clear()


def _forecast(
    image: Image, model: Model, options: SegmentOptions, pixel: float | None
) -> Job[tuple[Forecast, float]]:
    """Return what a run will take, and the seconds a pixel, which are measured if they aren't known.

    Not on a graphics card, which is left to others until something is to be computed.
    """
    # it brings torch
    from napari_unet.core.diameter.look import seconds_per_pixel

    run = prepare(image, model, options)
    if pixel is None and run.predictor.compute.device != "cpu":
        pixel = 0.0
    elif pixel is None:
        pixel = yield from seconds_per_pixel(run.predictor)
    return foresee(run, pixel, BlockOptions()), pixel


def described(foreseen: Forecast, free: float) -> str:
    """Return a forecast in words; what is larger than the free memory is told, with the way on."""
    words = f"{foreseen.plan}"
    if foreseen.seconds:
        words += f", about {format_seconds(max(foreseen.seconds, 1))}"
    if foreseen.memory <= free:
        return words
    return (
        f"{words}. With its result it takes {format_bytes(foreseen.memory)} of memory, and "
        f"{format_bytes(free)} are free. By blocks it takes {format_bytes(foreseen.block_memory)}: "
        "napari-unet segment --by-blocks."
    )
