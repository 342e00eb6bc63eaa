"""The folded part of *Segment* that compares a result with true labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.fields import button
from napari_unet.gui.filling import CHECKED_BYTES
from napari_unet.gui.scores_view import ScoresView
from napari_unet.gui.truth_form import TruthForm

if TYPE_CHECKING:
    import napari

    from napari_unet.gui.job import Outcome
    from napari_unet.gui.session import Session
    from napari_unet.services.evaluation import Evaluation

EVALUATE_TIP = (
    "Compare the result with the true labels. Where there are planes in depth, objects are compared in "
    "volumes; those of a 2-D U-Net, and of other stacks, plane by plane."
)


class EvaluateForm(QWidget):
    """What is compared, *Evaluate*, and the scores.

    Parameters
    ----------
    viewer
        Its layers are compared.
    session
        Runs the comparison.
    """

    failed = Signal(object)
    """It could not be started; the exception."""
    scored = Signal()
    """There are scores to be looked at."""

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._session = session
        self.evaluate = button("Evaluate", EVALUATE_TIP)
        self.form = TruthForm(viewer, self.evaluate)
        self.view = ScoresView(viewer)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.form)
        whole.addWidget(self.view)
        self.evaluate.clicked.connect(self._evaluate)

    def let_go(self) -> None:
        """Listen to viewer and layers no more."""
        self.form.let_go()
        self.view.forget()

    def _evaluate(self) -> None:
        jobs = self._session.jobs
        try:
            jobs.check_idle()
            judged = self.form.judged(self._session.model)
        except UserError as error:
            self.failed.emit(error)
            return
        self.view.forget()
        shape = judged.prediction.label_shape
        states = np.zeros(shape, np.uint8) if math.prod(shape) <= CHECKED_BYTES else None

        def end(outcome: Outcome[Evaluation]) -> None:
            if outcome.result is not None:
                self.view.put(judged, outcome.result, states)
                self.scored.emit()

        jobs.start(f"Evaluating {judged.names[0]}", judged.job(states), on_end=end)
