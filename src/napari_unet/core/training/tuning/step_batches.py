"""What a training step learns from: patches of the annotations, and of what is rehearsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.training.tuning.recipe import REHEARSED

if TYPE_CHECKING:
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.batches import Batch, Batches
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.setup import TrainingSetup
    from napari_unet.core.training.tuning.rehearsal import Rehearsal


class StepBatches:
    """Draws what a step learns from, in chunks that fit into memory.

    Parameters
    ----------
    setup
        What the training started from.
    training_set
        The annotations.
    rehearsal
        What the network knew before; None if that is not at hand.
    plan
        How large a step is.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        training_set: TrainingSet,
        rehearsal: Rehearsal | None,
        plan: TrainingPlan,
    ) -> None:
        self._plan = plan
        self._batches = setup.batches(training_set, plan.patch)
        self._rehearsed: Batches | None = None
        if rehearsal is not None:
            shape = rehearsal.patch(plan.patch)
            self._rehearsed = setup.batches(rehearsal.training_set, shape)

    def draw(self, step: int, *, rehearses: bool) -> Job[list[Batch]]:
        """Draw the batch of a step, with what is rehearsed along or without it."""
        chunks = yield from self._draw(self._batches, step, self._plan.batch)
        if self._rehearsed is not None and rehearses:
            chunks += yield from self._draw(self._rehearsed, step, REHEARSED)
        return chunks

    def _draw(self, batches: Batches, step: int, n: int) -> Job[list[Batch]]:
        """Draw some patches, in chunks of as many as fit into memory together."""
        chunks, size = [], self._plan.chunk
        for first in range(0, n, size):
            chunks.append((yield from batches.make(step, range(first, min(first + size, n)))))
        return chunks
