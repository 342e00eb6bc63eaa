"""The training loop: step, validate, save, stop."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from napari_unet.core.device import is_out_of_memory
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Notice, Progress, as_part
from napari_unet.core.ranks.ranks import LostDeviceError, check_alone
from napari_unet.core.sampling.dataset import count_pixels
from napari_unet.core.training.clock import TrainingClock
from napari_unet.core.training.devices.follower import Beginning, Order
from napari_unet.core.training.identity import annotations_key
from napari_unet.core.training.plan import untraced_bytes
from napari_unet.core.training.progress import Validated
from napari_unet.core.training.result import Trained
from napari_unet.core.training.schedule import (
    rate_factor,
    statistics_are_frozen,
    validation_interval,
)
from napari_unet.core.training.state import TrainingState, save_or_explain
from napari_unet.core.training.traced_memory import watched
from napari_unet.core.training.tuning.interpolation import with_weights
from napari_unet.core.training.tuning.recipe import careful_rate
from napari_unet.core.training.tuning.step_batches import StepBatches
from napari_unet.core.training.tuning.trust import measure_trust

if TYPE_CHECKING:
    from napari_unet.core.annotations.annotation import Paint
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.batches import Batch
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.preparation import Prepared

T = TypeVar("T")

LATE = "Annotations added at the end were not learnt: press Train longer."


class Trainer:
    """Trains a network.

    Parameters
    ----------
    prepared
        The training; its learner, status and best model change as it goes on.

    Attributes
    ----------
    setup
        What the training started from, with the options and annotations last given.
    status
        How far it is.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.setup = prepared.setup
        self.status = prepared.status
        self._training_set = prepared.training_set
        self._plan = prepared.plan
        self._reduced_by_memory = prepared.reduced_by_memory
        self._learner = prepared.learner
        self._best_model = prepared.best_model
        self._rehearsal = prepared.rehearsal
        self._batches = self._step_batches()
        self._clock = TrainingClock(self.status, self.setup.options)
        self._warnings: list[str] = []
        self._refused: object = None
        # until it is known: endless, so that the state is saved before the first validation
        self._validation_seconds = math.inf

    def run(self) -> Job[Trained]:
        """Train until a reason to stop.

        Yields
        ------
        Progress
            After each step and more often, in units of steps, with the loss.
        Validated
            After each validation; the last one has the result if the generator is closed.

        Returns
        -------
        Trained
            The best network.

        Raises
        ------
        UserError
            When memory does not suffice for the smallest step, or a device is lost.
        """
        status, ranks, resumable = self.status, self.setup.ranks, False
        self._learner.move(self.setup.compute.device)
        try:
            held = self._training_set.held.masks
            ranks.tell(Beginning(self._plan, held, self.status.factors, self.status.next_batch))
            while not status.ended:
                resumable = True
                loss = yield from self._step()
                validation_due = math.isfinite(loss) and self._is_validated(status.step)
                resumable = not validation_due
                yield self._progress(loss)
                if not math.isfinite(loss):
                    status.ended = f"The loss became {loss} at step {status.step + 1}"
                    break
                if validation_due:
                    yield from self._validate()
                    if status.step < status.total:
                        yield from self._take_new_annotations()
                    status.ended = status.reason_to_stop(self.setup.options)
                if (status.ended or self._time_to_save()) and (warning := self._save()):
                    yield Notice(status.step, status.last_step, text=warning)
            ranks.tell(None)
            return self._trained()
        except (GeneratorExit, UserError) as cause:
            # during a validation only what was saved before it can be resumed
            if resumable:
                self._save()
            if isinstance(cause, GeneratorExit):
                with suppress(LostDeviceError):
                    ranks.tell(None)
            raise
        finally:
            # others need the graphics card
            self._learner.move("cpu")
            self.setup.compute.release()

    def train_longer(self, paint: Paint, options: TrainingOptions) -> Job[Trained]:
        """Train for as many steps, or as long, again; yields and returns as `run` does."""
        self.setup = replace(self.setup, paint=paint, options=options)
        self.status.begin_cycle(options.steps)
        try:
            yield from self._take_new_annotations()
        finally:
            self.setup.compute.release()
        self.status.key = self.setup.key
        self._clock = TrainingClock(self.status, options)
        return (yield from self.run())

    @property
    def newest(self) -> Model:
        """The network with the newest weight average, whether or not it was ever the best."""
        average = self._learner.average.network.state_dict()
        return with_weights(self.setup.model, {k: v.cpu() for k, v in average.items()})

    def _step(self) -> Job[float]:
        """Take one optimisation step, with a smaller plan if memory runs out.

        Returns
        -------
        float
            The loss; if it is not finite, nothing was learnt and the step does not count.
        """
        while True:
            try:
                chunks = yield from self._part(self._batches.draw(self.status.next_batch))
                loss = self._learn(chunks)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                check_alone(self.setup.ranks, error)
            # only here are the error, and all that it refers to, freed
            chunks = []
            yield from self._reduce_plan()
        if math.isfinite(loss):
            self.status.step += 1
            self.status.losses.append(loss)
            self._clock.count()
        return loss

    def _learn(self, chunks: list[Batch]) -> float:
        """Learn from a batch, and measure the memory this takes the first time."""
        status, plan, setup = self.status, self._plan, self.setup
        cycle = status.step, status.first, status.total
        # in each step: the total may have been fitted to the remaining time since the last one
        frozen = setup.tuning or statistics_are_frozen(*cycle)
        self._learner.gradients.freeze_statistics(frozen)
        setup.ranks.tell(Order(self.status.next_batch, status.trust, frozen, self._learner.scale))
        rate = setup.options.learning_rate * careful_rate(status.trust) * rate_factor(*cycle)
        given = chunks, plan.policy, rate, self._training_set.class_weights, status.step + 1
        if status.measured:
            return self._learner.learn(*given)
        with watched(setup.compute.device) as peak:
            loss = self._learner.learn(*given)
            status.measured = peak()
        if setup.compute.device != "cuda":
            status.measured += untraced_bytes(setup.model.spec.config, plan)
        return loss

    def _reduce_plan(self) -> Job[None]:
        """Continue with a plan that takes less memory than the present one."""
        self._plan = yield from self._part(self.setup.choose_plan(smaller_than=self._plan))
        self._batches = self._step_batches()
        self.status.adopt(self._plan)
        self.status.alter("memory ran out on the way")
        self.status.measured = 0
        self._warnings.append(f"Memory ran out; continued with {self._plan}.")
        yield Progress(self.status.step, self.status.last_step, self._warnings[-1])

    def _is_validated(self, step: int) -> bool:
        """Return whether the network is validated after a step."""
        status = self.status
        pixels = self._plan.batch * math.prod(self._plan.patch)
        rehearsed = () if self._rehearsal is None else self._rehearsal.windows
        validation_pixels = self._training_set.validation_pixels + count_pixels(rehearsed)
        validation_pixels *= self._best_model.considered(status.trust)
        interval = validation_interval(status.total - status.first, pixels, validation_pixels)
        return step >= status.total or step % interval == 0

    def _validate(self) -> Job[None]:
        """Validate the weight average, and keep it if it is the best."""
        began = time.monotonic()
        job = self._best_model.consider(self.newest, self._training_set.windows, self.status.trust)
        outcome = yield from self._part(job)
        self._validation_seconds = time.monotonic() - began
        point = self.status.record(outcome, self._best_model.highest)
        metrics = {k: v for k, v in (("loss", point.loss), ("iou", point.iou)) if v is not None}
        step, last = self.status.step, self.status.last_step
        yield Validated(step, last, metrics=metrics, trained=self._trained())

    def _take_new_annotations(self) -> Job[None]:
        """Learn from the annotations as they are now, if they were replaced."""
        if not self._has_new_annotations:
            return
        newest, held = self.setup.paint.annotations, self._training_set.held
        try:
            job = self.setup.training_set(self._plan, held.masks, held.truths)
            self._training_set = yield from self._part(job)
        except UserError as error:
            # a slip of the brush is no reason to lose a training
            self._refused = newest
            self._warnings.append(f"New annotations were not learnt. {error}")
            return
        self._batches = self._step_batches()
        status = self.status
        if self._learner.teacher is not None:
            job_of_trust = measure_trust(self.setup, self._training_set)
            status.trust = self._learner.teacher.trust = yield from self._part(job_of_trust)
        status.paint, status.worse = annotations_key(self._training_set), 0
        status.alter("annotations were added during the training")
        yield from self._part(self._best_model.revalidate(self._training_set.windows))
        status.highest = self._best_model.highest

    @property
    def _has_new_annotations(self) -> bool:
        newest = self.setup.paint.annotations
        return newest is not self._training_set.annotations and newest is not self._refused

    def _time_to_save(self) -> bool:
        validated_next = self._is_validated(self.status.step + 1)
        return self._clock.time_to_save(self._validation_seconds if validated_next else 0.0)

    def _save(self) -> str:
        """Save the training state, if there is a file for it, and return what is new to be told."""
        if self.setup.path is None or not self.status.step:
            return ""
        began = time.monotonic()
        tensors = {**self._learner.state(), **self._best_model.state()}
        state = TrainingState(self.status, tensors, self._training_set.held.masks)
        warning = save_or_explain(state, self.setup.path)
        new = [warning] if warning and warning not in self._warnings else []
        self._warnings += new
        self._clock.saved(time.monotonic() - began)
        return "".join(new)

    def _step_batches(self) -> StepBatches:
        return StepBatches(self.setup, self._training_set, self._rehearsal, self._plan)

    def _trained(self) -> Trained:
        late = [LATE] if self.status.ended and self._has_new_annotations else []
        return Trained(
            model=self._best_model.model or self.setup.model,
            before=self._best_model.before,
            after=self._best_model.after,
            known_before=self._best_model.known_before,
            known_after=self._best_model.known_after,
            status=self.status.model_copy(deep=True),
            plan=self._plan,
            compute=self.setup.compute,
            reduced_by_memory=self._reduced_by_memory,
            training_set=self._training_set,
            warnings=(*self._warnings, *late),
        )

    def _part(self, job: Job[T]) -> Job[T]:
        """Run a part of the work that is no step by itself, and pass on its notes."""
        return as_part(job, self.status.step, self.status.last_step, share=0)

    def _progress(self, loss: float) -> Progress:
        note = f"step {self.status.step}, {self._clock.speed:.2g} steps/s"
        return Progress(self.status.step, self.status.last_step, note, {"loss": loss})
