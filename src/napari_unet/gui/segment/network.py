"""The network that *Segment* uses: the loaded one, or the one that suits the image best."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from superqt import QElidingLabel

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.widgets.image_form import ImageForm
    from napari_unet.gui.widgets.panel import Panel


NOT_LOADED = "It suits the image best, and is loaded when you press Segment or Preview."


class NetworkInUse(QObject):
    """Shows the name of the network, and says so if another suits the image better.

    Parameters
    ----------
    panel
        The panel.

    Attributes
    ----------
    label
        The name, to be put into a form.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.label = QElidingLabel()
        self._panel = panel
        self._session, self._suggestions = panel.session, panel.session.suggestions
        self._image: ImageForm | None = None
        self._misfit = ""
        self._session.model_changed.connect(self.show)
        self._suggestions.changed.connect(self.show)
        self.show()

    def follow(self, image: ImageForm) -> None:
        """Look at the image that is chosen in a form, now and whenever it is another one."""
        self._image = image
        image.changed.connect(self._look)
        self._look()

    def load_first(self, then: Callable[[], None]) -> None:
        """Continue at once, or load the network that suits the image best if none is loaded.

        Raises
        ------
        UserError
            When another job is running.
        """
        if self._session.model is None:
            self._suggestions.when_known(lambda: self._load(then))
        else:
            then()

    def show(self) -> None:
        """Show its name, and what speaks against it."""
        model, suggestions = self._session.model, self._suggestions
        self.label.setText(suggestions.first if model is None else model.spec.name)
        self.label.setToolTip(NOT_LOADED if model is None else model.spec.description)
        earlier, self._misfit = (
            self._misfit,
            "" if model is None else suggestions.misfit(model.spec),
        )
        message = self._panel.foot.message
        if self._misfit and not self._session.jobs.running:
            message.show_text("note", self._misfit)
        elif earlier and message.shows(earlier):
            message.clear()

    def _look(self) -> None:
        assert self._image is not None
        with contextlib.suppress(UserError):
            self._suggestions.look_at(self._image.image())

    def _load(self, then: Callable[[], None]) -> None:
        with self._panel.reporting():
            self._session.load(self._suggestions.first, then)
