"""Objects found again as settings change: on the plane in view at once, everywhere when it rests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.gui.job import Jobs
from napari_unet.gui.placement import looked_at
from napari_unet.services.relabel import ObjectMaps, relabel
from napari_unet.services.segment import TileDone

if TYPE_CHECKING:
    import napari

    from napari_unet.core.progress import Progress
    from napari_unet.gui.filling import ResultLayer
    from napari_unet.services.options import SegmentOptions

REST_MS = 400
"""How long settings must rest before all planes follow."""


@dataclass(frozen=True, eq=False)
class Found:
    """Objects in a layer, and the maps they were found in."""

    maps: ObjectMaps
    result: ResultLayer


class Relabelling(QObject):
    """Keeps the newest objects in step with the settings, as long as nobody has changed them.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Its viewer.
    """

    settled = Signal()
    """All objects of the layer have followed."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._jobs = Jobs(self)
        self._found: Found | None = None
        self._options: SegmentOptions | None = None
        self._all = False
        self._waiting: tuple[SegmentOptions, bool] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._everywhere)

    def take(self, found: Found | None) -> None:
        """Work on these objects from now on."""
        self._found = found
        self._rest.stop()
        self._jobs.cancel()

    @property
    def found(self) -> Found | None:
        """The objects at work on."""
        return self._found

    @property
    def busy(self) -> bool:
        """Whether something is still to follow."""
        return self._jobs.running or self._rest.isActive()

    def follow(self, options: SegmentOptions) -> None:
        """Find the objects anew with these options."""
        if self._found is None or self._found.result.layer not in self._viewer.layers:
            return
        if not self._jobs.running and not self._found.result.untouched:
            # what has been painted on stays as it is
            self._found = None
            return
        self._options = options
        self._start(options, everywhere=False)
        self._rest.start()

    def let_go(self) -> None:
        """Stop, and touch the viewer no more."""
        self._rest.stop()
        self._found = None
        self._jobs.abandon()

    def _everywhere(self) -> None:
        if self._options is not None:
            self._start(self._options, everywhere=True)

    def _start(self, options: SegmentOptions, *, everywhere: bool) -> None:
        if self._jobs.running:
            # the newest wish counts, once the job at work has stopped
            self._waiting = (options, everywhere)
            self._jobs.cancel()
            return
        if self._found is None:
            return
        self._all = everywhere
        at = None if everywhere else self._in_view(self._found)
        job = relabel(self._found.maps, options, at=at)
        self._found.result.layer.editable = False
        self._jobs.start("Finding objects", job, on_step=self._write, on_end=self._end)

    def _in_view(self, found: Found) -> dict[str, int]:
        planes = found.result.planes(looked_at(self._viewer, found.result.layer))
        axes = found.maps.image.label_axes
        return {a: n for a, n in zip(axes, planes, strict=True) if n is not None}

    def _write(self, step: Progress) -> None:
        if self._found is not None and isinstance(step, TileDone):
            self._found.result.write(step.where, step.labels)
            self._found.result.show()

    def _end(self, _: Any) -> None:
        if self._found is not None and self._options is not None:
            self._found.result.finish({"options": self._options.model_dump(mode="json")})
        if self._waiting is not None:
            (options, everywhere), self._waiting = self._waiting, None
            self._start(options, everywhere=everywhere)
        elif self._all:
            self.settled.emit()
