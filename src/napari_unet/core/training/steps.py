"""The steps of a training: each within the memory there is, with less of it where that runs out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_unet.core.device import is_out_of_memory
from napari_unet.core.progress import Progress
from napari_unet.core.sampling.batches import Batches
from napari_unet.core.sampling.targets import Border
from napari_unet.core.training.learner import Learner
from napari_unet.core.training.plan import COPIES, batch_bytes_per_pixel, choose_plan, plans
from napari_unet.core.training.schedule import rate_factor
from napari_unet.core.training.traced_memory import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.core.annotations.annotation import Paint
    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.batches import Batch
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.state import TrainingStatus

SETTLING = 0.3
"""Share of a training from scratch, its last, in which batch norms keep their statistics, so that the
weights settle on what segmentation uses."""


class Steps:
    """Takes the steps of a training.

    `choose`, `begin` and `learn_from` come before the first one, in this order.

    Parameters
    ----------
    model
        Where the training starts; it is not changed.
    paint
        What is learnt.
    options, compute
        How, and where.
    tuning
        As for `Learner`.

    Attributes
    ----------
    plan
        The plan in force.
    learner
        The network.
    warnings
        What went wrong on the way, for the user.
    """

    def __init__(
        self,
        model: Model,
        paint: Paint,
        options: TrainingOptions,
        compute: Compute,
        *,
        tuning: bool,
    ) -> None:
        self._model = model
        self._paint = paint
        self._options = options
        self._compute = compute
        self._tuning = tuning
        self.warnings: list[str] = []
        self.plan: TrainingPlan
        self.learner: Learner
        self._set: TrainingSet
        self._batches: Batches

    def choose(self) -> Job[None]:
        """Find the first plan that fits the memory there is."""
        free = self._compute.budget(self._options.memory)
        self.plan = yield from choose_plan(self._candidates(), free)

    def begin(self) -> None:
        """Make the network that learns."""
        self.learner = Learner(self._model, self._compute, self._options, tuning=self._tuning)

    def learn_from(self, training_set: TrainingSet) -> None:
        """Draw the batches to come from this paint."""
        self._set = training_set
        self._make_batches()

    @property
    def reduced_by_memory(self) -> bool:
        """Whether memory did not suffice for the plan that suits best."""
        best = next(self._candidates())
        mine = self.plan
        return (mine.patch, mine.chunk, mine.policy) != (best.patch, best.chunk, best.policy)

    def take(self, status: TrainingStatus) -> Job[float]:
        """Take one step, with a smaller plan if memory runs out.

        Parameters
        ----------
        status
            The training's; the plan in it is kept up to date.

        Returns
        -------
        float
            The loss; if it is not a finite number, nothing was learnt.
        """
        while True:
            try:
                chunks = yield from self._chunks(status.step)
                return self._learn(chunks, status)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # only here, where the error and all that it holds on to are gone
            chunks = []
            yield from self._shrink(status)
            yield Progress(0, 1, self.warnings[-1])

    def _chunks(self, step: int) -> Job[list[Batch]]:
        found = []
        for first in range(0, self.plan.batch, self.plan.chunk):
            samples = range(first, min(first + self.plan.chunk, self.plan.batch))
            found.append((yield from self._batches.make(step, samples)))
        return found

    def _learn(self, chunks: list[Batch], status: TrainingStatus) -> float:
        plan = self.plan
        rate = self._options.learning_rate * rate_factor(status.step, status.first, status.total)
        settling = status.total - SETTLING * (status.total - status.first)
        # anew at each step: the total may have been fitted to the time since
        self.learner.freeze_statistics(self._tuning or status.step >= settling)
        weights, number = self._set.class_weights, status.step + 1
        if status.measured:
            return self.learner.learn(chunks, plan.policy, rate, weights, number)
        with watched(self._compute.device) as peak:
            loss = self.learner.learn(chunks, plan.policy, rate, weights, number)
            status.measured = peak()
        if self._compute.device != "cuda":
            # gradients are among what the step made, the rest was there
            config = self._model.spec.config
            status.measured += (COPIES - 1) * 4 * config.parameters
            status.measured += plan.batch * math.prod(plan.patch) * batch_bytes_per_pixel(config)
        return loss

    def _shrink(self, status: TrainingStatus) -> Job[None]:
        """Go on with a plan that takes less memory than the one that did not fit."""
        self._compute.release()
        # what every plan counts for the weights is taken already
        free = self._compute.budget(self._options.memory)
        free += COPIES * 4 * self._model.spec.config.parameters
        self.plan = yield from choose_plan(self._candidates(), free, below=self.plan.memory)
        status.adopt(self.plan)
        status.alter("memory ran out on the way")
        self._make_batches()
        status.measured = 0
        self.warnings.append(f"Memory ran out; went on with {self.plan}.")

    def _make_batches(self) -> None:
        weight = self._options.border_weight
        self._batches = Batches(
            self._set,
            self.plan.patch,
            self._options.augment,
            Border(weight, self._options.border_width) if weight else None,
            self._compute.device,
            self._model.spec.task,
        )

    def _candidates(self) -> Iterator[TrainingPlan]:
        images = [annotation.image for annotation in self._paint.annotations]
        return plans(self._model.spec.config, self._options, self._compute, images)
