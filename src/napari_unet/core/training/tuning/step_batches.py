"""What a training step learns from: patches of the annotations, and of what is rehearsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.training.tuning.recipe import REHEARSED

if TYPE_CHECKING:
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.batches import Batch, Batches
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.setup import TrainingSetup
    from napari_unet.core.training.tuning.rehearsal import Rehearsal


@dataclass(frozen=True)
class BatchOf:
    """The batch of a step.

    Attributes
    ----------
    step
        The number of the step.
    rehearses
        Whether what the network knew before is rehearsed along.
    """

    step: int
    rehearses: bool


class StepBatches:
    """Draws what this device learns from in a step, in chunks that fit into memory.

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
        self._ranks = setup.ranks
        self._batches = setup.batches(training_set, plan.patch)
        self._rehearsed: Batches | None = None
        if rehearsal is not None:
            shape = rehearsal.patch(plan.patch)
            self._rehearsed = setup.batches(rehearsal.training_set, shape)

    def draw(self, batch: BatchOf) -> Job[list[Batch]]:
        """Draw a batch."""
        chunks = yield from self._draw(self._batches, batch.step, self._plan.batch)
        if self._rehearsed is not None and batch.rehearses:
            chunks += yield from self._draw(self._rehearsed, batch.step, REHEARSED)
        return chunks

    def _draw(self, batches: Batches, step: int, n: int) -> Job[list[Batch]]:
        """Draw some patches, in chunks of as many as fit into memory together.

        Of each chunk, every device takes its share; the last one may have none for some.
        """
        ranks, chunks = self._ranks, []
        size = self._plan.chunk * ranks.size
        for first in range(0, n, size):
            samples = range(first, min(first + size, n))[ranks.rank :: ranks.size]
            chunks.append((yield from batches.make(step, samples)))
        return chunks
