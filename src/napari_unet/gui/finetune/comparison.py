"""The new network beside the old one, and what to do with it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from napari_unet.gui.evaluate.score_tables import BETTER, WORSE, score_table
from napari_unet.gui.widgets.fields import MAIN, button, text
from napari_unet.gui.widgets.job_bar import in_words

if TYPE_CHECKING:
    from napari_unet.services.training.result import FinetuneResult

KEEP_TIP = (
    "Put the new network into your library, use it from now on, and show what it finds on the screen. "
    "The old one stays there too."
)
BOTH_TIP = "Put the new network into your library, and go on using the old one."
DISCARD_TIP = "Drop the new network; the old one is as it was."
DIFFERENCE_TIP = (
    "Segment what is on the screen with both networks, and colour where they differ: what only the old "
    "one found, what only the new one finds, and what is of another class or another object."
)
LONGER_TIP = (
    "Go on from here for as many steps, or as long, again; with what you painted meanwhile."
)


class Comparison(QWidget):
    """Scores of both networks, a verdict, where they differ, and what to do."""

    decided = Signal(str)
    """``"keep"``, ``"keep both"``, ``"discard"`` or ``"longer"``."""
    difference_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.verdict = text()
        self.scores = text()
        self.scores.setToolTip(
            "Both networks on the same paint, which neither has learnt from: IoU is the share of the "
            "pixels called or being a class that are both; Dice counts these twice. 1 is perfect."
        )
        self.facts = text()
        self.keep = button("Keep", KEEP_TIP)
        self.both = button("Keep both", BOTH_TIP)
        self.discard = button("Discard", DISCARD_TIP)
        self.longer = button("Train longer", LONGER_TIP)
        buttons = QGridLayout()
        choices = {
            "keep": self.keep,
            "keep both": self.both,
            "longer": self.longer,
            "discard": self.discard,
        }
        for i, (word, one) in enumerate(choices.items()):
            one.setAutoDefault(False)
            one.clicked.connect(lambda _=False, word=word: self.decided.emit(word))
            buttons.addWidget(one, i // 2, i % 2)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.difference = button("Show the difference", DIFFERENCE_TIP)
        self.difference.clicked.connect(self.difference_wanted)
        for part in (self.verdict, self.scores, self.facts, self.difference):
            box.addWidget(part)
        box.addLayout(buttons)

    def show_result(self, result: FinetuneResult, has_parent: bool) -> None:
        """Show what a training has come to.

        Parameters
        ----------
        result
            The result.
        has_parent
            Whether it began with a trained network.
        """
        colour = {True: BETTER, False: WORSE, None: ""}[result.better]
        style = f"color: {colour};" if colour else ""
        self.verdict.setText(f"<b style='{style}'>{html.escape(result.verdict)}</b>")
        self.scores.setText(score_table(result.before, result.after))
        self.scores.setVisible(bool(result.after))
        # without an old one there is nothing to compare with, nor to go on using
        for one in (self.difference, self.both):
            one.setVisible(has_parent)
        self.facts.setText(html.escape("\n".join(facts(result))).replace("\n", "<br>"))
        # what is not known to be better is not put first
        first = {True: self.keep, False: None, None: self.both if has_parent else self.keep}
        for one in (self.keep, self.both):
            one.setStyleSheet(MAIN if one is first[result.better] else "")


def facts(result: FinetuneResult) -> list[str]:
    """Return how the training went, a line each."""
    trained = result.trained
    status = trained.status
    ended = trained.ended or "Stopped"
    found = [
        f"{ended}: {status.step} steps in {in_words(status.seconds)}, the best after "
        f"{status.best_step}.",
        str(trained.training_set.held),
        f"{trained.plan}; {trained.measured / (1 << 20):.0f} MiB were used.",
        *trained.warnings,
    ]
    return [line for line in found if line]
