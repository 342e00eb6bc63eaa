"""What the devices do that don't lead: they compute the gradients of their patches, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.core.annotations.rescale import Rescaling
from napari_unet.core.progress import as_part
from napari_unet.core.training.devices.gradients import Gradients, trainable
from napari_unet.core.training.tuning.rehearsal import prepare_rehearsal
from napari_unet.core.training.tuning.step_batches import StepBatches
from napari_unet.core.training.tuning.teacher import Teacher

if TYPE_CHECKING:
    from napari_unet.core.annotations.holdout_masks import Held
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.batches import Batch
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.setup import TrainingSetup
    from napari_unet.core.training.tuning.step_batches import BatchOf


@dataclass(frozen=True)
class Beginning:
    """What the leader tells before its first step.

    Attributes
    ----------
    plan
        How large a step is.
    held
        What is held out of the annotations.
    factors
        `Rescaling.factors` of the annotated images.
    first
        The batch of the first step.
    """

    plan: TrainingPlan
    held: Held
    factors: tuple[tuple[float, ...], ...]
    first: BatchOf


@dataclass(frozen=True)
class Order:
    """What the leader tells before each step.

    Attributes
    ----------
    batch
        What is learnt.
    trust
        How much the teacher's opinion counts.
    frozen
        Whether batch norms keep their statistics.
    scale
        Factor of the gradients.
    """

    batch: BatchOf
    trust: float
    frozen: bool
    scale: float


def follow(setup: TrainingSetup) -> Job[None]:
    """Compute the gradients of this device's patches until the leader has no more steps.

    Parameters
    ----------
    setup
        The same as the leader's.

    Yields
    ------
    Progress
        Often enough to cancel at once.

    Raises
    ------
    UserError
        When the leader is gone.
    """
    ranks, device = setup.ranks, setup.compute.device
    setup.report_memory()
    beginning = ranks.hear()
    if beginning is None:
        return
    assert isinstance(beginning, Beginning)
    scale = Rescaling(beginning.factors, setup.model.spec.axes)
    setup, plan = replace(setup, rescaling=scale), beginning.plan
    job = setup.training_set(plan, beginning.held)
    training_set = yield from as_part(job, 0, 1, share=0)
    rehearsal = yield from as_part(prepare_rehearsal(setup), 0, 1, share=0)
    teacher = Teacher(setup.model, ranks) if setup.same_outputs else None
    if teacher is not None:
        teacher.network.to(device)
    network = trainable(setup.model, device)
    spec = setup.model.spec
    gradients = Gradients(network, spec.activation, setup.compute, teacher=teacher, ranks=ranks)
    batches = StepBatches(setup, training_set, rehearsal, plan)
    drawn, chunks = beginning.first, (yield from _drawn(batches, beginning.first))
    while (order := ranks.hear()) is not None:
        assert isinstance(order, Order)
        if order.batch != drawn:
            chunks = yield from _drawn(batches, order.batch)
        if teacher is not None:
            teacher.trust = order.trust
        gradients.freeze_statistics(order.frozen)
        network.zero_grad(set_to_none=True)
        gradients.share_weights()
        gradients.compute(chunks, plan.policy, training_set.class_weights, order.scale)
        # the next one already, as the leader does it meanwhile
        drawn = replace(order.batch, step=order.batch.step + 1)
        chunks = yield from _drawn(batches, drawn)


def _drawn(batches: StepBatches, what: BatchOf) -> Job[list[Batch]]:
    return (yield from as_part(batches.draw(what), what.step, what.step + 1, share=0))
