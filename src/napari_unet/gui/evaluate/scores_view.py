"""How well a result agrees with true labels, and the mistakes as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.gui.evaluate.mistakes import show_mistakes
from napari_unet.gui.evaluate.score_tables import format_scores
from napari_unet.gui.widgets.command_button import CommandButton
from napari_unet.gui.widgets.fields import button, offer, text

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_unet.gui.evaluate.comparison import LabelComparison
    from napari_unet.gui.widgets.panel import Panel
    from napari_unet.services.evaluation.scores import Evaluation

SCORES_TIP = (
    "IoU is the share of the pixels of either that are in both. Found: a true and a predicted object "
    "overlap at least so much. Missed: a true object without such a partner. Extra: a predicted object "
    "without one. AP: found / (found + missed + extra). SEG: mean IoU of the true objects, 0 for those "
    "that are not covered for more than half. Merged: one object covers most of several true ones. "
    "Split: several lie in one true object. Dice counts twice what is in both. 1 is perfect."
)
SHOW_TIP = (
    "Add a layer that colours what is right and what is wrong, as described above, at an IoU of 0.5. "
    "The two layers that were compared are hidden. An object has one colour: the pieces of what is "
    "merged or split are not missed or extra as well."
)
NO_SCORES = "Press “Evaluate” first."
TOO_LARGE = (
    "Labels with more than 134 million pixels are too large for it: “napari-unet evaluate --overlay” "
    "draws pictures of them."
)
CHANGED = "“{}” has changed since: press Evaluate again."
CHANGES = ("data", "paint", "labels_update")


class ScoresView(QWidget):
    """Scores, whether they still hold, *Show mistakes* and *Copy as command*.

    Parameters
    ----------
    panel
        What it is a part of.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._viewer = panel.viewer
        self._comparison: LabelComparison | None = None
        self._states: NDArray[Any] | None = None
        self.scores = text()
        self.scores.setToolTip(SCORES_TIP)
        self.changed = text()
        self.changed.setTextFormat(Qt.TextFormat.PlainText)
        self.mistakes = button("Show mistakes", SHOW_TIP)
        self.command = CommandButton(panel, self._line, NO_SCORES)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        for part in (self.changed, self.scores, self.mistakes, self.command):
            whole.addWidget(part)
        self.mistakes.clicked.connect(self._show_mistakes)
        self.forget()

    def watch(self, comparison: LabelComparison) -> None:
        """Forget what was shown, and note from now on what changes of what is being compared."""
        self.forget()
        self._comparison = comparison
        for event in self._events():
            event.connect(self._note_event)

    def put(self, scores: Evaluation, states: NDArray[Any] | None) -> None:
        """Show how the result did that is watched.

        Parameters
        ----------
        scores
            The scores.
        states
            What each pixel is, see `mistakes`; None if that is too much.
        """
        assert self._comparison is not None
        self._states = states
        self.scores.setText(format_scores(self._comparison, scores))
        self.scores.setVisible(True)
        self.changed.setVisible(bool(self.changed.text()))
        self.command.setVisible(self._comparison.paths is not None)
        offer(self.mistakes, SHOW_TIP, "" if states is not None else TOO_LARGE)

    def forget(self) -> None:
        """Show nothing."""
        for event in self._events():
            event.disconnect(self._note_event)
        self._comparison = self._states = None
        for part in (self.scores, self.changed):
            part.clear()
        for hidden in (self.scores, self.changed, self.command):
            hidden.setVisible(False)
        offer(self.mistakes, SHOW_TIP, NO_SCORES)

    def note_change(self, layer: Layer) -> None:
        """Say so if the scores are those of a layer that has been changed."""
        compared = (
            () if self._comparison is None else (self._comparison.result, self._comparison.truth)
        )
        if layer in compared:
            self.changed.setText(CHANGED.format(layer.name))
            # while they are being compared, it is said at the end
            self.changed.setVisible(bool(self.scores.text()))

    def _events(self) -> list[Any]:
        """Return what tells that something of what was compared is changed."""
        compared = (
            () if self._comparison is None else (self._comparison.result, self._comparison.truth)
        )
        known = [getattr(layer.events, name, None) for layer in compared for name in CHANGES]
        return [event for event in known if event is not None]

    def _note_event(self, event: Any) -> None:
        self.note_change(event.source)

    def _line(self) -> str | None:
        return None if self._comparison is None else self._comparison.command()

    def _show_mistakes(self) -> None:
        if self._comparison is not None and self._states is not None:
            show_mistakes(self._viewer, self._comparison, self._states)
