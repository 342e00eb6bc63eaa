"""*Link over time*: the button, and the job that it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.progress import Notice
from napari_unet.gui.measure.tracked import labels_of, show_linked, show_tracks
from napari_unet.gui.widgets.fields import button, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image as ImageLayer

    from napari_unet.core.progress import Progress
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.panel import Panel
    from napari_unet.services.tracking.link_labels import Linked

LINK_TIP = (
    "Give each object the same number and colour in all frames, find divisions, and draw the tracks. "
    "The labels stay as they are, and are hidden."
)
NOT_MEASURED = "Measure objects first."
NO_TIME = (
    "There is no time axis. If one of the axes is time, write T for it under Axes in Segment, and "
    "measure again."
)


class ThroughTime(QObject):
    """Links the objects of a layer through time.

    Parameters
    ----------
    panel
        Its panel; errors are shown at its foot.
    chosen
        Returns the image layer and the objects to be linked; raises a `UserError` if there are none.
    keeper
        Journals what is painted on the labels that are made.
    """

    linked = Signal(object)
    """Objects were linked; the new layer of labels."""

    def __init__(
        self, panel: Panel, chosen: Callable[[], tuple[ImageLayer, Numbered]], keeper: PaintKeeper
    ) -> None:
        super().__init__(panel)
        self._panel = panel
        self._chosen = chosen
        self._keeper = keeper
        self.button = button("Link over time", LINK_TIP)
        self.button.clicked.connect(self._start)
        self.offer(None)

    def offer(self, numbered: Numbered | None) -> None:
        """Enable the button if the objects that were measured can be linked."""
        reason = NOT_MEASURED
        if numbered is not None:
            reason = "" if numbered.image.sizes.get("T", 1) > 1 else NO_TIME
        offer(self.button, LINK_TIP, reason)

    def _start(self) -> None:
        with self._panel.reporting():
            source, numbered = self._chosen()
            # it imports what reads files, which would delay the opening of the panel
            from napari_unet.services.tracking.link_labels import link_labels

            def end(outcome: Outcome[Linked]) -> None:
                layers = self._panel.viewer.layers
                if outcome.result is not None and source in layers and numbered.layer in layers:
                    self._show(source, numbered, outcome.result)

            job = link_labels(labels_of(numbered))
            self._panel.session.jobs.start("Linking", job, on_step=self._say, on_end=end)

    def _say(self, step: Progress) -> None:
        if isinstance(step, Notice):
            self._panel.session.jobs.reported.emit(step.text)

    def _show(self, source: ImageLayer, numbered: Numbered, linked: Linked) -> None:
        viewer = self._panel.viewer
        layer = show_linked(viewer, source, numbered, linked)

        def draw() -> None:
            if layer in viewer.layers and source in viewer.layers:
                show_tracks(viewer, source, numbered, linked.tracks, layer)

        # after events have been handled, as napari takes a while to add each of the layers
        QTimer.singleShot(0, draw)
        self._keeper.keep(layer, source)
        self.linked.emit(layer)
        tracks = linked.tracks
        self._panel.session.jobs.reported.emit(
            f"{tracks.count:,} tracks, {tracks.divisions:,} divisions: “{layer.name}”. "
            f"“{numbered.layer.name}” is as it was, and hidden."
        )
