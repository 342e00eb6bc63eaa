"""Keeps an eye on the paint: says what there is to learn from, and what a training would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_unet.core.errors import UserError
from napari_unet.gui.finetune.form.request import Inspected, Request, look_job
from napari_unet.gui.layers.snapshots import AnnotationWatch
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.widgets.fields import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.session.worker import Outcome

SETTLE_MS = 400
"""How long form and layers must be left alone before the paint is looked through."""


class PaintSummary(QObject):
    """The two lines below the form: the paint; and the plan, which is made only where it can be seen.

    Parameters
    ----------
    parent
        It lives as long as this.
    jobs
        The viewer's jobs: while one is at work, nothing is looked through.
    request
        Reads the form.
    """

    def __init__(self, parent: QObject, jobs: Jobs, request: Callable[[], Request]) -> None:
        super().__init__(parent)
        self.summary = text()
        self.summary.setToolTip("What you have painted so far, and what is still missing.")
        self.plan = text()
        self.plan.setToolTip("How much the network looks at in each step, and the memory it takes.")
        self._jobs = jobs
        self._request = request
        self._looked: Inspected | None = None
        self._planner = Jobs(self)
        self._planner.ended.connect(self._show)
        self._form_settled = QTimer(self)
        self._form_settled.setSingleShot(True)
        self._form_settled.setInterval(SETTLE_MS)
        self._form_settled.timeout.connect(self._look)
        self._watch = AnnotationWatch(self, SETTLE_MS)
        self._watch.settled.connect(self._look)

    def form_changed(self) -> None:
        """Look anew, once the form is left alone."""
        self._looked = None
        self._form_settled.start()

    def come_into_sight(self) -> None:
        """Plan, if that has not been done."""
        self._form_settled.start()

    def let_go(self) -> None:
        """Look no more."""
        self._form_settled.stop()
        self._watch.let_go()
        self._planner.abandon()

    def _look(self, stroked: bool = True) -> None:
        if self._jobs.at_work:
            return
        if self._planner.running:
            self._form_settled.start()
            return
        try:
            request = self._request()
        except UserError as error:
            self._watch.watch([])
            self._explain(error)
            return
        self._watch.watch(request.pairs)
        job = look_job(request, self._looked, stroked, plan=self.plan.isVisible())
        self._planner.start("Looking", job)

    def _show(self, outcome: Outcome[Any]) -> None:
        if isinstance(outcome.error, UserError):
            self._looked = None
            self._explain(outcome.error)
        elif outcome.result is not None:
            self._looked = found = outcome.result
            self.summary.setText(f"{found.summary} {found.fitting}".strip())
            self.plan.setText("" if found.plan is None else f"{found.plan}.")
        # any other error comes again, with its details, when it is trained

    def _explain(self, error: UserError) -> None:
        self.summary.setText(f"{error.problem}{error.cause}. {error.remedy}")
        self.plan.clear()
