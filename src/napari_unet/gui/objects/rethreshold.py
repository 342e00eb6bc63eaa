"""Re-threshold labels as settings change: the plane in view at once, the others after a pause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.progress import Job, Progress
from napari_unet.gui.layers.placement import looked_at
from napari_unet.gui.layers.result_layer import Nowhere
from napari_unet.gui.session.jobs import Jobs
from napari_unet.services.segmentation.relabel import relabel, with_relabel_options
from napari_unet.services.segmentation.writers import TileDone

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari

    from napari_unet.gui.layers.result_layer import ResultLayer
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.options import SegmentOptions

COLLECT_MS = 20
"""Time until labels are shown: the slider is still being dragged."""

REST_MS = 400
"""How long settings must stay unchanged before all planes follow."""


@dataclass(frozen=True, eq=False)
class SegmentedLayer:
    """Labels in a layer, and the network outputs that they were made from.

    Attributes
    ----------
    outputs
        The outputs of the network.
    result
        The layer.
    options
        The options of the run.
    """

    outputs: CachedOutputs
    result: ResultLayer
    options: SegmentOptions

    def with_settings(self, options: SegmentOptions) -> SegmentOptions:
        """Return the options of the run, with the postprocessing settings of others."""
        return with_relabel_options(self.options, options)

    def job(self, options: SegmentOptions, at: Mapping[str, int] | None) -> Job[None]:
        """Make the labels again; in a single plane, objects get numbers that no other object has."""
        yield Progress(0, 1)
        taken = 0 if at is None else int(self.result.numbers.max(initial=0))
        yield from relabel(self.outputs, options, at=at, taken=taken, out=Nowhere())


class Rethreshold(QObject):
    """Keeps the last labels in step with the settings, unless the layer was edited.

    From the first change of a setting until all planes have followed, the layer can't be painted on, as
    a stroke would be overwritten.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Its viewer.
    """

    settled = Signal()
    """All planes of the layer have followed."""
    failed = Signal(object)
    """They could not follow; the exception."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._jobs = Jobs(self, COLLECT_MS)
        self._current: SegmentedLayer | None = None
        self._options: SegmentOptions | None = None
        self._active = False
        self._at_all = False
        self._waiting: bool | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._everywhere)
        viewer.layers.events.removed.connect(self._drop_removed)

    @property
    def current(self) -> SegmentedLayer | None:
        """The labels that follow the settings; None if there are none."""
        return self._current

    @property
    def busy(self) -> bool:
        """Whether planes are still to follow."""
        return self._active

    def take(self, current: SegmentedLayer | None) -> None:
        """Have these labels follow the settings from now on."""
        self._release(complete=False)
        self._current = current
        self._jobs.cancel()

    def follow(self, options: SegmentOptions) -> bool:
        """Make the labels again with these options; return whether there are labels that follow."""
        if self._current is None:
            return False
        if not self._active:
            if not self._current.result.untouched:
                # an edited layer stays as it is
                self._current = None
                return False
            self._active = True
            self._current.result.layer.editable = False
        self._options = self._current.with_settings(options)
        self._start(everywhere=False)
        self._rest.start()
        return True

    def let_go(self) -> None:
        """Stop, and leave the viewer alone."""
        self._viewer.layers.events.removed.disconnect(self._drop_removed)
        self._release(complete=False)
        self._current = None
        self._jobs.abandon()

    def _drop_removed(self, event: Any) -> None:
        if self._current is not None and event.value is self._current.result.layer:
            self.take(None)

    def _everywhere(self) -> None:
        self._start(everywhere=True)

    def _start(self, *, everywhere: bool) -> None:
        if self._jobs.running:
            # the last change counts, once the current job has ended; a single plane is written all the
            # same, or nothing would be seen while a slider is dragged
            self._waiting = everywhere
            if self._at_all:
                self._jobs.cancel()
            return
        current, options = self._current, self._options
        if current is None or options is None:
            return
        self._at_all = everywhere
        job = current.job(options, None if everywhere else self._in_view(current))

        def write(step: Progress) -> None:
            if isinstance(step, TileDone) and current is self._current:
                current.result.write(step.where, step.labels)
                if everywhere:
                    current.result.show()
                else:
                    # the slider may stop here, and nothing later would show the labels
                    current.result.show_now()

        def end(outcome: Outcome[None]) -> None:
            self._end(outcome, everywhere)

        self._jobs.start("Applying the settings", job, on_step=write, on_end=end)

    def _in_view(self, current: SegmentedLayer) -> dict[str, int]:
        planes = current.result.planes(looked_at(self._viewer, current.result.layer))
        axes = current.outputs.image.label_axes
        return {a: n for a, n in zip(axes, planes, strict=True) if n is not None}

    def _end(self, outcome: Outcome[None], everywhere: bool) -> None:
        if self._waiting is not None:
            again, self._waiting = self._waiting, None
            self._start(everywhere=again)
        elif outcome.error is not None:
            self._release(complete=False)
            self.failed.emit(outcome.error)
        elif everywhere and not outcome.cancelled:
            self._release(complete=True)
            self.settled.emit()

    def _release(self, *, complete: bool) -> None:
        """Let the layer be painted on, with a record of whether all of it has followed."""
        self._rest.stop()
        self._waiting = None
        if self._active and self._current is not None and self._options is not None:
            record = {"options": self._options.model_dump(mode="json"), "complete": complete}
            self._current.result.finish(record)
        self._active = False
