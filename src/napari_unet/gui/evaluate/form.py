"""The folded part of *Segment* that compares a result with true labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.gui.evaluate.scores_view import ScoresView
from napari_unet.gui.evaluate.truth_form import TruthForm
from napari_unet.gui.layers.result_layer import CHECKED_BYTES
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from napari_unet.gui.session.worker import Outcome, Task
    from napari_unet.gui.widgets.panel import Panel
    from napari_unet.services.evaluation.scores import Evaluation

EVALUATE_TIP = (
    "Compare the result with the true labels. Objects in a Z stack are compared in volumes; those of a "
    "2-D U-Net, and in other stacks, plane by plane."
)


class EvaluateForm(QWidget):
    """What is compared, *Evaluate*, and the scores.

    Parameters
    ----------
    panel
        The panel it is a part of: its layers are compared, and errors are shown at its foot.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self._task: Task | None = None
        self.evaluate_button = button("Evaluate", EVALUATE_TIP)
        self.form = TruthForm(panel.viewer, self.evaluate_button)
        self.view = ScoresView(panel)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.form)
        whole.addWidget(self.view)
        self.evaluate_button.clicked.connect(self._evaluate)

    def let_go(self) -> None:
        """Stop comparing, and stop listening to viewer and layers."""
        if self._task is not None:
            self._panel.session.jobs.cancel(self._task)
        self.form.let_go()
        self.view.forget()

    def _evaluate(self) -> None:
        jobs = self._panel.session.jobs
        with self._panel.reporting():
            jobs.check_idle()
            compared = self.form.comparison(self._panel.session.model)
            self.view.watch(compared)
            shape = compared.prediction.label_shape
            states = np.zeros(shape, np.uint8) if math.prod(shape) <= CHECKED_BYTES else None

            def end(outcome: Outcome[Evaluation]) -> None:
                self._task = None
                if outcome.result is None:
                    self.view.forget()
                else:
                    self.view.put(outcome.result, states)

            title = f"Evaluating {compared.names[0]}"
            self._task = jobs.start(title, compared.job(states), on_end=end)
