"""How far a training is: its steps, its curve, the plan in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from napari_unet.core.training.tuning.step_batches import BatchOf
from napari_unet.core.unet.checkpointing_policy import CheckpointingPolicy

if TYPE_CHECKING:
    from napari_unet.core.training.best_model import ValidationOutcome
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.plan import TrainingPlan


class Point(BaseModel):
    """One validation: a point of the curves.

    Attributes
    ----------
    step, loss
        Steps taken, and the mean loss since the last validation.
    iou
        Score of the network considered; None if nothing is held out.
    share
        How far it lies on the way from the parent's weights to the tuned ones, 0 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    loss: float
    iou: float | None = None
    share: float = 1.0


class TrainingStatus(BaseModel):
    """How far a training is. It is saved in the training state: fields must keep their names.

    Attributes
    ----------
    key, paint
        Identify the training by model, options and images, and the annotations it learnt last.
    step, first, total
        Steps taken, and the steps at which the present cycle of the learning rate began and will end.
    seconds, began
        Training time so far, and when the present cycle began.
    patch, chunk, policy, recompute, memory
        The plan in force, which running out of memory may have changed.
    curve
        The validations so far.
    losses
        Losses since the last validation.
    best_step, highest
        Step of the best network, and the highest IoU of any.
    best_share
        `Point.share` of the best network; 0: it is the parent.
    worse
        Validations since the highest IoU.
    pace
        The recorded schedule: each step after which `total` changed, and its new value.
    altered
        What happened that can't be repeated, such as new annotations; empty: nothing.
    measured
        Measured peak of the memory in bytes; 0: not measured yet.
    trust
        How far the parent is trusted, 0 to 1; 0: not at all, as in trainings of earlier versions.
    factors
        `Rescaling.factors` of the annotated images; empty: none is rescaled.
    ended
        Why the training ended; empty while it goes on.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    paint: str = ""
    step: int = 0
    first: int = 0
    total: int
    seconds: float = 0.0
    began: float = 0.0
    patch: tuple[int, ...]
    chunk: int
    policy: tuple[int, int]
    recompute: float = 0.0
    memory: float = 0.0
    curve: list[Point] = []
    losses: list[float] = []
    best_step: int = 0
    best_share: float = 1.0
    highest: float = 0.0
    worse: int = 0
    pace: list[tuple[int, int]] = []
    altered: str = ""
    measured: int = 0
    trust: float = 0.0
    factors: tuple[tuple[float, ...], ...] = ()
    ended: str = ""

    @property
    def last_step(self) -> int:
        """The step at which the training will end, as far as known."""
        return max(self.total, self.step)

    @property
    def next_batch(self) -> BatchOf:
        """What the next step learns from."""
        return BatchOf(self.step, rehearses=self.trust > 0)

    def begin_cycle(self, steps: int) -> None:
        """Begin another cycle of the learning rate, of so many steps."""
        self.alter("it was trained longer")
        self.first, self.total = self.step, self.step + steps
        self.began = self.seconds
        self.worse, self.ended = 0, ""

    def record(self, outcome: ValidationOutcome, highest: float) -> Point:
        """Record a validation, and the highest IoU so far; return its point of the curve."""
        self.worse = 0 if outcome.is_highest else self.worse + 1
        self.highest = highest
        if outcome.is_best:
            self.best_step, self.best_share = self.step, outcome.share
        loss = sum(self.losses) / max(len(self.losses), 1)
        self.losses.clear()
        self.curve.append(Point(step=self.step, loss=loss, iou=outcome.iou, share=outcome.share))
        return self.curve[-1]

    def reason_to_stop(self, options: TrainingOptions) -> str:
        """Return why the training ends here; empty if it goes on."""
        if self.step >= self.total:
            all_steps = self.step >= self.first + options.steps or options.pace
            return "All steps are done" if all_steps else "The time is up"
        if self.worse >= options.patience:
            return f"No better for {self.worse} validations"
        return ""

    def alter(self, how: str) -> None:
        """Note that something happened that can't be repeated; only the first is kept."""
        self.altered = self.altered or how

    def adopt(self, plan: TrainingPlan) -> None:
        """Put a plan in force."""
        self.patch, self.chunk, self.memory = plan.patch, plan.chunk, plan.memory
        self.policy = (plan.policy.activations, plan.policy.blocks)
        self.recompute = plan.recompute

    def plan(self, like: TrainingPlan) -> TrainingPlan:
        """Return the plan in force; what the status does not hold is taken from another plan."""
        return replace(
            like,
            patch=self.patch,
            chunk=self.chunk,
            policy=CheckpointingPolicy(*self.policy),
            recompute=self.recompute,
            memory=self.memory,
        )
