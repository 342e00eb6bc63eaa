"""The training loop: steps, checks by held-out paint, the best network so far."""

from __future__ import annotations

import copy
import math
import time
from typing import TYPE_CHECKING, TypeVar

from napari_unet.core.annotations.holdout import sides
from napari_unet.core.errors import UserError
from napari_unet.core.memory_units import bytes_of_gib
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import Progress
from napari_unet.core.sampling.dataset import TrainingSet, make_training_set
from napari_unet.core.training.best_model import BestModel
from napari_unet.core.training.clock import TrainingClock
from napari_unet.core.training.identity import paint_key, training_key
from napari_unet.core.training.result import Checked, Prepared, Trained
from napari_unet.core.training.schedule import check_interval
from napari_unet.core.training.state import (
    Point,
    TrainingState,
    TrainingStatus,
    load_state,
    save_state,
)
from napari_unet.core.training.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_unet.core.annotations.annotation import Paint, Truth
    from napari_unet.core.annotations.holdout import Held
    from napari_unet.core.device import Compute
    from napari_unet.core.progress import Job
    from napari_unet.core.training.options import TrainingOptions

T = TypeVar("T")

LATE = "Paint added at the end was not learnt: press Train longer."


class Trainer:
    """Trains a model; `run` can be called again to train longer.

    Parameters
    ----------
    model
        Where it starts; it is not changed.
    paint
        What to learn.
    options
        How.
    compute
        Where.
    parent
        The trained model that it is, or was fitted from; None when it starts from scratch.
    path
        File for the state; None: it is not saved.
    resume
        Whether to go on from the state that is there, if it is one of the same training.
    """

    def __init__(
        self,
        model: Model,
        paint: Paint,
        options: TrainingOptions,
        compute: Compute,
        *,
        parent: Model | None = None,
        path: Path | None = None,
        resume: bool = True,
    ) -> None:
        self.paint = paint
        self.options = options
        self._model = model
        self._compute = compute
        self.parent = parent
        self._path = path
        self._resume = resume
        rival = parent if parent is not None and _comparable(parent, model) else None
        objects = model.spec.task == "objects"
        self._champion = BestModel(rival, compute, bytes_of_gib(options.memory), objects=objects)
        self._prepared = False
        # whether what a training needs to go on is as it is between two steps
        self._settled = False
        # seconds that the last check took; of the first, nobody knows how many
        self._checking = math.inf
        self._scarce = False
        self._troubles: list[str] = []
        self._refused: object = None
        self._steps = Steps(model, paint, options, compute, tuning=parent is not None)
        self._set: TrainingSet
        self._clock: TrainingClock
        self.status: TrainingStatus

    def run(self) -> Job[Trained]:
        """Train.

        Yields
        ------
        Progress
            After each step and more often, in units of steps, with the loss.
        Prepared
            Before the first step, the first time.
        Checked
            After each check; the last one is what remains if the training is stopped.

        Returns
        -------
        Trained
            The best network.

        Raises
        ------
        UserError
            When there is too little to train on, it doesn't fit the model, or memory does not suffice.
        """
        self._settled = False
        try:
            yield from self._begin()
            status = self.status
            while not status.ended:
                self._settled = True
                loss = yield from self._step()
                if not math.isfinite(loss):
                    status.ended = f"The loss became {loss} at step {status.step + 1}"
                    break
                last = status.step >= status.total
                if self._check_is_due:
                    yield from self._check()
                    if not last:
                        yield from self._take_new_paint()
                    status.ended = self._reason_to_end(last)
                ahead = self._checking if self._is_checked(status.step + 1) else 0.0
                if status.ended or self._clock.time_to_save(ahead):
                    self._save()
            return self._trained()
        except GeneratorExit:
            # cancelled; within a check there is only what was saved before it
            if self._settled:
                self._save()
            raise
        finally:
            if self._prepared:
                self._steps.learner.move("cpu")
            self._compute.release()

    @property
    def newest(self) -> Model:
        """The average of the weights as it is now, whether or not it was ever the best."""
        average = self._steps.learner.average.network.state_dict()
        return self._with_weights({k: v.cpu() for k, v in average.items()})

    def _begin(self) -> Job[None]:
        if not self._prepared:
            yield from self._prepare()
            self._prepared = True
        else:
            self._lengthen()
            self._steps.learner.move(self._compute.device)
            yield from self._take_new_paint()
            # others than it began with, perhaps
            self.status.key = training_key(self._model, self.options, self._set)
        self._clock = TrainingClock(self.status, self.options)

    def _lengthen(self) -> None:
        """Begin another cycle of the learning rate."""
        status = self.status
        status.alter("it was trained longer")
        status.first, status.total = status.step, status.step + self.options.steps
        status.began = status.seconds
        status.worse, status.ended = 0, ""

    def _prepare(self) -> Job[None]:
        yield from self._noted(self._steps.choose())
        self._set = yield from self._training_set()
        self._steps.begin()
        key, painted = training_key(self._model, self.options, self._set), paint_key(self._set)
        found = load_state(self._path, key) if self._path is not None and self._resume else None
        repainted = found is not None and found.status.paint != painted
        again = None if found is None else (yield from self._held_again(found.held, repainted))
        if found is None or again is None:
            repainted = False
            self.status = TrainingStatus(
                key=key, total=self.options.steps, patch=(), chunk=1, policy=(0, 0)
            )
            self.status.adopt(self._steps.plan)
        else:
            self.status, self._set = found.status, again
            if repainted:
                self.status.alter("paint was changed while it was interrupted")
                self.status.worse, self.status.highest = 0, 0.0
            if repainted and self.status.ended:
                self._lengthen()
            self._steps.plan = self.status.plan(self._steps.plan)
            self._steps.learner.restore(found.tensors)
            best = {k[5:]: v for k, v in found.tensors.items() if k.startswith("best/")}
            self._champion.model = self._with_weights(best) if best else None
        self.status.paint = painted
        self._scarce = self._steps.reduced_by_memory
        yield Prepared(
            self.status.step,
            max(self.status.total, self.status.step),
            "Prepared",
            training_set=self._set,
            plan=self._steps.plan,
            repainted=repainted,
        )
        self._steps.learn_from(self._set)
        yield from self._noted(self._champion.revalidate(self._set.windows))
        self._champion.highest = max(self._champion.highest, self.status.highest)

    def _held_again(self, held: Held, repainted: bool) -> Job[TrainingSet | None]:
        """Prepare the paint of an interrupted training; None if that leaves a side empty."""
        if not repainted:
            return (yield from self._training_set(held))
        try:
            found = yield from self._training_set(held)
        except UserError:
            return None
        learnt, judged = yield from self._noted(sides(found.held))
        return found if len(learnt) > 1 and (len(judged) > 1 or not any(held)) else None

    def _training_set(
        self, earlier: Held | None = None, learnt: Sequence[Truth] = ()
    ) -> Job[TrainingSet]:
        job = make_training_set(
            self.paint,
            self._model.spec,
            patch=self._steps.plan.patch,
            held_out=self.options.held_out,
            seed=self.options.seed,
            earlier=earlier,
            learnt=learnt,
        )
        return (yield from self._noted(job))

    def _step(self) -> Job[float]:
        loss = yield from self._noted(self._steps.take(self.status))
        if math.isfinite(loss):
            self.status.step += 1
            self.status.losses.append(loss)
            self._clock.count()
            self._settled = not self._check_is_due
        yield self._progress("", loss=loss)
        return loss

    @property
    def _check_is_due(self) -> bool:
        return self._is_checked(self.status.step)

    def _is_checked(self, step: int) -> bool:
        """Whether the network is judged after a step."""
        return step >= self.status.total or step % self._interval == 0

    @property
    def _interval(self) -> int:
        pixels = self._steps.plan.batch * math.prod(self._steps.plan.patch)
        steps = self.status.total - self.status.first
        return check_interval(steps, pixels, self._set.validation_pixels)

    def _check(self) -> Job[None]:
        """Judge the average of the weights, and keep it if it is the best."""
        began = time.monotonic()
        job = self._champion.challenge(self.newest, self._set.windows)
        found = yield from self._noted(job)
        self._checking = time.monotonic() - began
        self.status.worse = 0 if found.higher else self.status.worse + 1
        self.status.highest = self._champion.highest
        if found.won:
            self.status.best_step = self.status.step
        loss = sum(self.status.losses) / max(len(self.status.losses), 1)
        self.status.losses.clear()
        self.status.curve.append(Point(step=self.status.step, loss=loss, iou=found.iou))
        metrics = {"loss": loss} if found.iou is None else {"loss": loss, "iou": found.iou}
        yield Checked(
            done=self.status.step,
            total=self.status.total,
            note="",
            metrics=metrics,
            trained=self._trained(),
        )

    def _reason_to_end(self, last: bool) -> str:
        if last:
            most = self.status.first + self.options.steps
            all_steps = self.status.step >= most or bool(self.options.pace)
            return "All steps are done" if all_steps else "The time is up"
        if self.status.worse >= self.options.patience:
            return f"No better for {self.status.worse} checks"
        return ""

    @property
    def _has_new_paint(self) -> bool:
        newest = self.paint.annotations
        return newest is not self._set.annotations and newest is not self._refused

    def _take_new_paint(self) -> Job[None]:
        if not self._has_new_paint:
            return
        newest = self.paint.annotations
        try:
            known = self._set.held.masks, self._set.held.truths
            self._set = yield from self._training_set(*known)
        except UserError as error:
            # a slip of the brush is no reason to lose a training
            self._refused = newest
            self._troubles.append(f"New paint was not learnt. {error}")
            return
        self.status.paint = paint_key(self._set)
        self.status.alter("paint was added while it learnt")
        self.status.worse = 0
        self._steps.learn_from(self._set)
        yield from self._noted(self._champion.revalidate(self._set.windows))
        self.status.highest = self._champion.highest

    def _save(self) -> None:
        """Write the state; until the result is saved there is no other."""
        if self._path is None or not self.status.step:
            return
        began = time.monotonic()
        tensors = self._steps.learner.state()
        if self._champion.model is not None:
            best = self._champion.model.network.state_dict()
            tensors |= {f"best/{k}": v for k, v in best.items()}
        try:
            save_state(TrainingState(self.status, tensors, self._set.held.masks), self._path)
        except UserError as error:
            # the training is worth more than its insurance, and there may be room next time
            trouble = f"The training could not be saved on the way: {error}"
            if trouble not in self._troubles:
                self._troubles.append(trouble)
        self._clock.saved(time.monotonic() - began)

    def _with_weights(self, state: dict[str, Tensor]) -> Model:
        network = copy.deepcopy(self._model.network)
        network.load_state_dict(state)
        return Model(self._model.spec, network.eval())

    def _trained(self) -> Trained:
        warnings = [*self._steps.warnings, *self._troubles]
        if self.status.ended and self._has_new_paint:
            warnings.append(LATE)
        return Trained(
            model=self._champion.model or self._model,
            before=self._champion.before,
            after=self._champion.after,
            status=self.status.model_copy(deep=True),
            plan=self._steps.plan,
            compute=self._compute,
            reduced_by_memory=self._scarce,
            training_set=self._set,
            warnings=tuple(warnings),
        )

    def _noted(self, job: Job[T]) -> Job[T]:
        """Pass on what a part of the work says, as progress of the training."""
        while True:
            try:
                step = next(job)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            yield self._progress(step.note)

    def _progress(self, note: str, **metrics: float) -> Progress:
        if not self._prepared:
            return Progress(0, self.options.steps, note)
        if not note and self.status.seconds:
            note = f"step {self.status.step}, {self._clock.speed:.2g} steps/s"
        return Progress(self.status.step, max(self.status.total, self.status.step), note, metrics)


def _comparable(parent: Model, model: Model) -> bool:
    """Whether two models say the same things about the same images."""
    old, new = parent.spec, model.spec
    # whatever the foreground is called, objects are told apart in it
    alike = new.task == "objects" and len(old.label_names) == 1
    return (alike or old.label_names == new.label_names) and old.channels == new.channels
