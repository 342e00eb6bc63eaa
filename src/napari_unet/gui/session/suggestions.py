"""Which network to offer for the image at hand; the panels of a viewer share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet.gui.session.jobs import Jobs
from napari_unet.services.library import DEFAULT
from napari_unet.services.network_notes import NetworkNotes

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.suitability.appearance import Appearance
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.library import Library
    from napari_unet.services.suggestions import Suggestion


COLLECT_MS = 30
"""Time between two looks into the inbox of a job that takes hundredths of a second."""


class Suggestions(QObject):
    """Looks at an image, and ranks the networks of the library for it.

    Parameters
    ----------
    parent
        Its owner.
    library
        The networks. What was used last is kept beside it.

    Attributes
    ----------
    appearance
        How the image looks; None before one was looked at.
    notes
        What the user has noted of networks.
    """

    changed = Signal()
    """Another image was looked at."""

    def __init__(self, parent: QObject, library: Library) -> None:
        super().__init__(parent)
        self.appearance: Appearance | None = None
        self.notes = NetworkNotes(library.folder.parent)
        self._library = library
        self._jobs = Jobs(self, COLLECT_MS)
        self._key: tuple[Any, ...] = ()
        self._next: Image | None = None
        self._waiting: list[Callable[[], None]] = []

    def look_at(self, image: Image) -> None:
        """Look at an image in a thread, unless it is the one that was looked at last."""
        key = (id(image.data), image.axes, image.data.shape)
        if key == self._key:
            return
        self._key, self._next = key, image
        if not self._jobs.running:
            self._look()

    def when_known(self, then: Callable[[], None]) -> None:
        """Call something now, or once the image that is being looked at has been."""
        if self._jobs.running:
            self._waiting.append(then)
        else:
            then()

    def let_go(self) -> None:
        """Look no more: the viewer is closing."""
        self._waiting.clear()
        self._jobs.abandon()

    @property
    def first(self) -> str:
        """Name of the network to offer first."""
        ranked = self.ranked()
        return ranked[0].entry.name if ranked else DEFAULT

    def ranked(self) -> list[Suggestion]:
        """Return the library, the best match first; empty before an image was looked at."""
        if self.appearance is None:
            return []
        # what it imports would delay the opening of a panel
        from napari_unet.services.suggestions import suggest

        return suggest(self._library.entries(), self.appearance, self.notes.last_used)

    def misfit(self, spec: ModelSpec) -> str:
        """Say what speaks against a network for the image, and which suits it better; empty: nothing."""
        if self.appearance is None:
            return ""
        from napari_unet.core.suitability.match import misfits
        from napari_unet.services.suggestions import describe_misfit

        return describe_misfit(self.ranked(), spec.name, misfits(spec, self.appearance))

    def _look(self) -> None:
        from napari_unet.services.suggestions import look

        image, self._next = self._next, None
        if image is not None:
            self._jobs.start("Looking at the image", look(image), on_end=self._take)

    def _take(self, outcome: Outcome[Appearance]) -> None:
        if self._next is not None:
            self._look()
            return
        # an image that can't be read is told when it is used
        self.appearance = outcome.result
        self.changed.emit()
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()
