"""One training in the viewer: from the start to the decision about its result."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import QObject, Signal

from napari_unet.gui.finetune.annotation_feed import AnnotationFeed
from napari_unet.gui.session.responsiveness import torch_ready

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Paint
    from napari_unet.core.errors import UserError
    from napari_unet.core.progress import Job, Progress
    from napari_unet.gui.finetune.form.request import Request
    from napari_unet.gui.finetune.live_preview import LivePreview
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome, Task
    from napari_unet.services.training.keep_learning import Screen, Shown
    from napari_unet.services.training.result import FinetuneResult


class TrainingRun(QObject):
    """A training, its curves and its result; it outlives the panel that began it.

    Parameters
    ----------
    jobs
        Runs it.
    request
        The contents of the form.
    title
        What it does, in a few words.
    state
        The file for the state of the training.
    preview
        Shows what has been learnt so far: the training goes on until it is stopped, and gives way to
        other jobs. None: it ends as its options say.

    Attributes
    ----------
    losses
        Step and loss, for each step.
    checks
        Step, mean loss since the last check, and IoU on held-out annotations or None, for each check.
    result
        The result; None while it is running, and if it has none.
    """

    stepped = Signal(object)
    """Steps were taken; the newest `Progress`."""
    annotation_taken = Signal()
    """New annotations are learnt from the next check on."""
    changed = Signal()
    """It has started or ended, or its result was decided on."""

    def __init__(
        self,
        jobs: Jobs,
        request: Request,
        title: str,
        state: Path,
        preview: LivePreview | None = None,
    ) -> None:
        super().__init__(jobs)
        self._preview = preview
        self._screen: Screen | None = None
        self._task: Task | None = None
        self._jobs = jobs
        self.request = request
        self.title = title
        self.state = state
        self.losses: list[tuple[float, float]] = []
        self.checks: list[tuple[float, float, float | None]] = []
        self.result: FinetuneResult | None = None
        self.running = False
        self.stopped = False
        self.restarted = False
        self._so_far: FinetuneResult | None = None
        # the result before it was trained longer
        self._before: FinetuneResult | None = None
        self._paint: Paint | None = None
        self._keep = self._begun = False
        self._feed = AnnotationFeed(self, request.pairs)
        self._feed.taken.connect(self.annotation_taken)
        self._feed.warned.connect(self._tell_trouble)
        jobs.abandoned.connect(self._let_go)

    @property
    def can_stop(self) -> bool:
        """Whether there is something to keep if it is stopped now."""
        return self.running and self._so_far is not None

    def start(self, *, resume: bool = False) -> None:
        """Train, or train longer if there is a result.

        Raises
        ------
        UserError
            When another job is running.
        """
        self._jobs.check_idle(gives_way=self._preview is not None)
        longer, self._so_far, self._before = self.result, None, self.result
        self._resume = resume
        self._keep = self.stopped = self.restarted = self._begun = False
        self._task = self._jobs.start(
            self.title,
            self._job(longer),
            on_step=self._take,
            on_end=self._end,
            gives_way=self._preview is not None,
        )
        # the earlier result can't be kept any more
        self.running, self.result = True, None
        self.changed.emit()

    def stop(self) -> None:
        """Stop and keep the best."""
        if self.can_stop:
            self._keep = True
            self._jobs.cancel(self._task)

    def forget(self) -> None:
        """Drop annotations and result; delete the state if the result was decided on."""
        self._let_go()
        if self.result is not None:
            with contextlib.suppress(OSError):
                self.state.unlink(missing_ok=True)
        self.result = self._so_far = self._before = self._paint = None
        self.changed.emit()

    def _job(self, longer: FinetuneResult | None) -> Job[FinetuneResult]:
        yield from torch_ready()
        from napari_unet.core.annotations.annotation import Paint
        from napari_unet.gui.finetune.form.request import learn_job, train_job

        if self._paint is None:
            self._paint = Paint(())
        known = self.request, self._paint, self.state, longer, self._resume
        if self._preview is None:
            return (yield from train_job(*known))
        from napari_unet.services.training.keep_learning import Screen

        self._screen = Screen(self.request.pairs[0].image)
        return (yield from learn_job(*known, self._screen))

    def _take(self, step: Progress) -> None:
        if self._preview is not None and getattr(step, "region", None) is not None:
            self._preview.show(cast("Shown", step))
        if told := getattr(step, "text", "") or getattr(step, "damage", ""):
            # a notice, or a state that can't be continued
            self._jobs.reported.emit(told)
        if "loss" not in step.metrics:
            return
        loss = step.metrics["loss"]
        result = getattr(step, "result", None)
        if result is not None:
            self._so_far = result
            self.checks = [(p.step, p.loss, p.iou) for p in result.trained.status.curve]
        else:
            if not self._begun and self._paint is not None:
                self._begun = True
                self.restarted = self._resume and step.done <= 1
                self._feed.begin(self._paint)
                if self._preview is not None and self._screen is not None:
                    self._preview.begin(self._screen)
            self.losses.append((step.done, loss))
        self.stepped.emit(step)

    def _tell_trouble(self, error: UserError | None) -> None:
        if error is None:
            self._jobs.reported.emit("All annotations are learnt again.")
        else:
            self._jobs.warned.emit(error)

    def _let_go(self) -> None:
        self._feed.let_go()
        if self._preview is not None:
            self._preview.let_go()

    def _end(self, outcome: Outcome[FinetuneResult]) -> None:
        self.running = False
        if self._preview is not None:
            self._preview.let_go()
        if outcome.result is not None:
            self.result = outcome.result
        elif self._so_far is not None and (self._keep or outcome.error is not None):
            # the error is shown, but the network before it may still be good
            self.result, self.stopped = self._so_far, True
        else:
            self.result = self._before
        if self.result is not None:
            self.checks = [(p.step, p.loss, p.iou) for p in self.result.trained.status.curve]
        else:
            self._feed.let_go()
        if self._keep and self.result is not None:
            step = self.result.trained.status.step
            self._jobs.reported.emit(f"Stopped after {step} steps.")
        self.changed.emit()


def comparable_parent(run: TrainingRun) -> bool:
    """Whether the training started from a trained model, which the result can be compared with."""
    start: Any = run.request.start
    return not isinstance(start, int)
