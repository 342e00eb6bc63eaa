"""The buttons that mark planes and boxes of an image as checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.checked_areas import (
    check_plane,
    next_unchecked,
    plane_checked,
    start_box,
    uncheck_plane,
)
from napari_unet.gui.layers.placement import looked_at, place
from napari_unet.gui.layers.purpose import frames_done
from napari_unet.gui.widgets.fields import button, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.widgets.panel import Panel

PLANE_TIP = (
    "Mark the plane you see as checked: all of it is right, including what is not painted. Fine-tune "
    "then learns all of it. Press it again to take that back."
)
BOX_TIP = (
    "Draw a rectangle around a part in which all is right, if you have not checked the whole plane."
)


class Checks:
    """*Plane checked* and *Box checked*, which the panel lays out.

    Parameters
    ----------
    panel
        The panel they are in; messages are shown at its foot.
    chosen
        Returns the image layer under the annotation, and its image.
    labels
        Returns the annotation; None if there is none.
    """

    def __init__(
        self,
        panel: Panel,
        chosen: Callable[[], tuple[ImageLayer, Image]],
        labels: Callable[[], Labels | None],
    ) -> None:
        self._panel, self._chosen, self._labels = panel, chosen, labels
        self.plane_button = button("Plane checked", PLANE_TIP)
        self.box_button = button("Box checked…", BOX_TIP)
        self.plane_button.clicked.connect(self.check_plane)
        self.box_button.clicked.connect(self._check_box)

    def offer(self, reason: str) -> None:
        """Enable the buttons, or say why nothing can be checked."""
        offer(self.plane_button, PLANE_TIP, reason)
        offer(self.box_button, BOX_TIP, reason)

    def go_to_unchecked(self, step: int) -> None:
        """Show the next plane that was not checked, or image of a folder; with -1 the one before."""
        with self._panel.reporting():
            if next_unchecked(self._viewer, *self._chosen(), step):
                return
            work = self._panel.session.work_list
            if work is None or not work.go(step):
                self._say("note", "Nothing that way is left to check.")

    @property
    def _viewer(self) -> napari.Viewer:
        return self._panel.viewer

    def _say(self, kind: str, words: str) -> None:
        self._panel.foot.message.show_text(kind, words)

    def check_plane(self) -> None:
        """Mark the plane that is seen as checked, or take that back."""
        with self._panel.reporting():
            where = self._viewer, *self._chosen()
            if plane_checked(*where):
                uncheck_plane(*where)
                self._say("note", "This plane is no longer marked as checked.")
            else:
                self._check_done(*where)
                check_plane(*where)
                self._say("done", "This plane is marked as checked.")

    def _check_done(self, viewer: napari.Viewer, source: ImageLayer, image: Image) -> None:
        """Refuse a plane that a run which was stopped has not come to."""
        layer = self._labels()
        done = None if layer is None else frames_done(layer)
        if layer is None or done is None:
            return
        planes = place(source, image.axes).label_axes(looked_at(viewer, layer))
        # of volumes, all planes are done or none
        size = len(done[0]) if done else 0
        if [p for p in planes if p is not None][:size] not in done:
            raise UserError(
                "This plane was not segmented",
                rule="The run was cancelled before it: that nothing is found here says nothing.",
                remedy="Segment again, or mark only planes that are done.",
            )

    def _check_box(self) -> None:
        with self._panel.reporting():
            start_box(self._viewer, *self._chosen())
            self._say(
                "note", "Draw a rectangle; then pick a class or the annotation to go on painting."
            )
