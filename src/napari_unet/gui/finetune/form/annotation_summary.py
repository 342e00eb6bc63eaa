"""Summary of the annotations, and plan of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_unet.core.errors import UserError
from napari_unet.gui.finetune.form.findings import FindingList
from napari_unet.gui.finetune.form.request import Inspected, Request, compare_job, look_job
from napari_unet.gui.layers.layer_pair import same_pairs
from napari_unet.gui.layers.snapshots import AnnotationWatch
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.widgets.fields import text

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.checking.finding import Finding

SETTLE_MS = 400
"""Time without a change in form and layers before the annotations are inspected again."""


class AnnotationSummary(QObject):
    """Below the form: the annotations, what looks wrong in them, and the plan.

    The plan is made only while it is visible.

    Parameters
    ----------
    parent
        Its owner.
    viewer
        Shows the places of what looks wrong.
    jobs
        The viewer's jobs; nothing is inspected while one is running.
    request
        Returns what is set in the form.
    """

    def __init__(
        self,
        parent: QObject,
        viewer: napari.Viewer,
        jobs: Jobs,
        request: Callable[[], Request],
    ) -> None:
        super().__init__(parent)
        self.findings = FindingList(viewer)
        self.summary_label = text()
        self.summary_label.setToolTip("What you have annotated so far, and what is still missing.")
        self.plan_label = text()
        self.plan_label.setToolTip("The patches of each training step, and the memory they take.")
        self._jobs = jobs
        self._request = request
        self._looked: Inspected | None = None
        self._outdated = False
        self._asked: tuple[LayerPair, ...] = ()
        self._planner = Jobs(self)
        self._planner.ended.connect(self._show)
        self._comparing = Jobs(self)
        self._comparing.ended.connect(self._add_findings)
        jobs.started.connect(self._stop_comparing)
        self._compared: tuple[Any, list[Finding]] | None = None
        self._form_settled = QTimer(self)
        self._form_settled.setSingleShot(True)
        self._form_settled.setInterval(SETTLE_MS)
        self._form_settled.timeout.connect(self._look)
        self._watch = AnnotationWatch(self, SETTLE_MS)
        self._watch.settled.connect(self._look)

    def form_changed(self) -> None:
        """Inspect the annotations again, once the form has settled."""
        self._looked = None
        # what is being inspected now is what was set before
        self._outdated = True
        self._form_settled.start()

    def come_into_sight(self) -> None:
        """Make the plan, if there is none."""
        self._form_settled.start()

    def let_go(self) -> None:
        """Stop inspecting."""
        self._form_settled.stop()
        self._watch.let_go()
        self._planner.abandon()
        self._comparing.abandon()

    def _stop_comparing(self, _title: str) -> None:
        """Leave the processor to the job that was started."""
        self._comparing.cancel()

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
        self._comparing.cancel()
        self._outdated = False
        self._asked = request.pairs
        job = look_job(request, self._looked, stroked, plan=self.plan_label.isVisible())
        self._planner.start("Looking", job)

    def _show(self, outcome: Outcome[Any]) -> None:
        if isinstance(outcome.error, UserError):
            self._looked = None
            self._explain(outcome.error)
        elif outcome.result is not None:
            inspected = outcome.result
            self._looked = None if self._outdated else inspected
            self.summary_label.setText(f"{inspected.summary} {inspected.fitting}".strip())
            self._list_findings(inspected)
            self.plan_label.setText("" if inspected.plan is None else f"{inspected.plan}.")
        # any other error is shown with its details when the training is started

    def _list_findings(self, inspected: Inspected) -> None:
        """List what was found, and compare the labels with the network unless that has been done."""
        paint, more = self._compared or (None, [])
        known = paint is inspected.paint
        self.findings.list_findings([*inspected.findings, *(more if known else [])], self._asked)
        # only while somebody looks at the form: the network takes the processor for a while
        if known or inspected.plan is None or self._comparing.at_work or self._jobs.at_work:
            return
        try:
            request = self._request()
        except UserError:
            return
        if same_pairs(request.pairs, self._asked):
            self._compared = (inspected.paint, [])
            self._comparing.start("Comparing", compare_job(request, inspected.paint))

    def _add_findings(self, outcome: Outcome[list[Finding]]) -> None:
        if self._compared is None:
            return
        paint, _ = self._compared
        if outcome.result is None:
            # stopped: it is done after the next look
            self._compared = None
        elif self._looked is not None and paint is self._looked.paint:
            self._compared = (paint, outcome.result)
            self.findings.list_findings([*self._looked.findings, *outcome.result], self._asked)

    def _explain(self, error: UserError) -> None:
        self.summary_label.setText(f"{error.problem}{error.cause}. {error.remedy}")
        self.plan_label.clear()
        self.findings.list_findings((), ())
