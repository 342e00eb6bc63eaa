"""Labels found again as settings change: on the plane in view at once, everywhere when it rests."""

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
"""Time until objects that were found are shown: the slider is still being dragged."""

REST_MS = 400
"""How long settings must rest before all planes follow."""


@dataclass(frozen=True, eq=False)
class Found:
    """Labels in a layer, and the maps they were found in.

    Attributes
    ----------
    maps
        What the network said.
    result
        The layer.
    options
        Those of the run.
    """

    maps: CachedOutputs
    result: ResultLayer
    options: SegmentOptions

    def with_settings(self, options: SegmentOptions) -> SegmentOptions:
        """Return the options of the run, with the settings that need no network taken from others."""
        return with_relabel_options(self.options, options)

    def job(self, options: SegmentOptions, at: Mapping[str, int] | None) -> Job[None]:
        """Find the labels anew; objects of a single plane get numbers that no other object has."""
        yield Progress(0, 1)
        taken = 0 if at is None else int(self.result.numbers.max(initial=0))
        yield from relabel(self.maps, options, at=at, taken=taken, out=Nowhere())


class Rethreshold(QObject):
    """Keeps the newest labels in step with the settings, unless somebody has changed the layer.

    From the first change of a setting until all planes have followed, the layer can't be painted on: a
    stroke would be overwritten.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Its viewer.
    """

    settled = Signal()
    """All labels of the layer have followed."""
    failed = Signal(object)
    """They could not; the exception."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._jobs = Jobs(self, COLLECT_MS)
        self._found: Found | None = None
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
    def found(self) -> Found | None:
        """The labels at work on."""
        return self._found

    @property
    def busy(self) -> bool:
        """Whether something is still to follow."""
        return self._active

    def take(self, found: Found | None) -> None:
        """Work on these labels from now on."""
        self._release(complete=False)
        self._found = found
        self._jobs.cancel()

    def follow(self, options: SegmentOptions) -> bool:
        """Find the labels anew with the settings among these options; whether there are any that can."""
        if self._found is None:
            return False
        if not self._active:
            if not self._found.result.untouched:
                # what has been painted on stays as it is
                self._found = None
                return False
            self._active = True
            self._found.result.layer.editable = False
        self._options = self._found.with_settings(options)
        self._start(everywhere=False)
        self._rest.start()
        return True

    def let_go(self) -> None:
        """Stop, and touch the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._drop_removed)
        self._release(complete=False)
        self._found = None
        self._jobs.abandon()

    def _drop_removed(self, event: Any) -> None:
        if self._found is not None and event.value is self._found.result.layer:
            self.take(None)

    def _everywhere(self) -> None:
        self._start(everywhere=True)

    def _start(self, *, everywhere: bool) -> None:
        if self._jobs.running:
            # the newest wish counts, once the job at work has ended: a single plane is written all the
            # same, or nothing would be seen while a slider is dragged
            self._waiting = everywhere
            if self._at_all:
                self._jobs.cancel()
            return
        found, options = self._found, self._options
        if found is None or options is None:
            return
        self._at_all = everywhere
        job = found.job(options, None if everywhere else self._in_view(found))

        def write(step: Progress) -> None:
            if isinstance(step, TileDone) and found is self._found:
                found.result.write(step.where, step.labels)
                if everywhere:
                    found.result.show()
                else:
                    # the slider may rest here, with nothing to come that would show it
                    found.result.show_now()

        def end(outcome: Outcome[None]) -> None:
            self._end(outcome, everywhere)

        self._jobs.start("Applying the settings", job, on_step=write, on_end=end)

    def _in_view(self, found: Found) -> dict[str, int]:
        planes = found.result.planes(looked_at(self._viewer, found.result.layer))
        axes = found.maps.image.label_axes
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
        """Hand the layer over for painting, with a record of how far it has followed."""
        self._rest.stop()
        self._waiting = None
        if self._active and self._found is not None and self._options is not None:
            record = {"options": self._options.model_dump(mode="json"), "complete": complete}
            self._found.result.finish(record)
        self._active = False
