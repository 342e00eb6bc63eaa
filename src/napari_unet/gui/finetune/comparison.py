"""The new network compared with the old one, and the choice between them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from napari_unet.gui.evaluate.score_tables import BETTER, WORSE, score_table
from napari_unet.gui.widgets.fields import MAIN, button, text
from napari_unet.gui.widgets.foot import in_words

if TYPE_CHECKING:
    from napari_unet.services.training.result import FinetuneResult

KEEP_TIP = (
    "Add the new network to your library, use it from now on, and show what it finds on the screen. "
    "The old one stays in the library too."
)
BOTH_TIP = "Add the new network to your library, but go on using the old one for now."
DISCARD_TIP = "Discard the new network; the old one is unchanged."
DIFFERENCE_TIP = (
    "Segment what is on the screen with both networks, and colour where they differ: what only the old "
    "one finds, what only the new one finds, and what each gives to another class or object."
)
LONGER_TIP = (
    "Train on from here for the same number of steps, or the same time, again. What you have painted "
    "in the meantime is learnt too."
)


class Comparison(QWidget):
    """A verdict, the scores of both networks, and what can be done with the new one.

    The panel lays out *Keep*.
    """

    decided = Signal(str)
    """``"keep"``, ``"keep both"``, ``"discard"`` or ``"longer"``."""
    difference_wanted = Signal()
    """The user wants to see where the two networks differ."""

    def __init__(self) -> None:
        super().__init__()
        self.verdict_label = text()
        self.scores_label = text()
        self.scores_label.setToolTip(
            "Both networks on the same held-out annotation, which neither has learnt from. IoU: of the "
            "pixels that are of a class or were given to it, the share that are both. Dice counts these "
            "twice. 1 is perfect."
        )
        self.facts_label = text()
        self.keep_button = button("Keep", KEEP_TIP)
        self.both_button = button("Keep for later", BOTH_TIP)
        self.discard_button = button("Discard", DISCARD_TIP)
        self.longer_button = button("Train longer", LONGER_TIP)
        buttons = QGridLayout()
        choices = {
            "keep": self.keep_button,
            "keep both": self.both_button,
            "discard": self.discard_button,
            "longer": self.longer_button,
        }
        for choice, made in choices.items():
            made.setAutoDefault(False)
            made.clicked.connect(lambda _=False, choice=choice: self.decided.emit(choice))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.difference_button = button("Show the difference", DIFFERENCE_TIP)
        self.difference_button.clicked.connect(self.difference_wanted)
        others = self.both_button, self.discard_button, self.longer_button, self.difference_button
        for i, made in enumerate(others):
            buttons.addWidget(made, i // 2, i % 2)
        box.addWidget(self.verdict_label)
        box.addLayout(buttons)
        box.addWidget(self.scores_label)
        box.addWidget(self.facts_label)

    def show_result(self, result: FinetuneResult, has_parent: bool) -> None:
        """Show the result of a training.

        Parameters
        ----------
        result
            The result.
        has_parent
            Whether it began with a trained network.
        """
        colour = {True: BETTER, False: WORSE, None: ""}[result.better]
        self.verdict_label.setText(_emphasized(result.verdict_paragraphs, colour))
        self.scores_label.setText(score_table(result.before, result.after))
        self.scores_label.setVisible(bool(result.after))
        # without an old network there is none to compare with, nor to keep using
        for widget in (self.difference_button, self.both_button):
            widget.setVisible(has_parent)
        self.facts_label.setText(html.escape("\n".join(facts(result))).replace("\n", "<br>"))
        # a network that is not known to be better is not recommended
        unknown = self.both_button if has_parent else self.keep_button
        main = {True: self.keep_button, False: None, None: unknown}[result.better]
        for choice in (self.keep_button, self.both_button):
            choice.setStyleSheet(MAIN if choice is main else "")


def _emphasized(paragraphs: list[str], colour: str) -> str:
    """Return paragraphs of which the outcome stands out, and that of the first by its colour."""
    made = []
    for i, paragraph in enumerate(paragraphs):
        outcome, colon, rest = map(html.escape, paragraph.partition(":"))
        style = f" style='color: {colour};'" if colour and i == 0 else ""
        made.append(f"<p><b{style}>{outcome}</b>{colon}{rest}</p>")
    return "".join(made)


def facts(result: FinetuneResult) -> list[str]:
    """Return how the training went, one line each."""
    trained = result.trained
    status = trained.status
    ended = trained.ended or "Stopped"
    lines = [
        f"{ended}: {status.step} steps in {in_words(status.seconds)}, the best after "
        f"{status.best_step}.",
        str(trained.training_set.held),
        f"{trained.plan}; {trained.measured / (1 << 20):.0f} MiB were used.",
        *trained.warnings,
    ]
    return [line for line in lines if line]
