"""What a training would learn from and what it would take, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.survey import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations import Annotation
    from napari_unet.core.model import ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.core.summary import Summary
    from napari_unet.core.training_options import TrainingOptions
    from napari_unet.core.training_plan import TrainingPlan


@dataclass(frozen=True)
class Outlook:
    """What there is to learn from, and how large a step would be.

    Attributes
    ----------
    summary
        What was painted, and what is missing.
    plan
        Patches, batch, memory; None where there is too little to train on.
    """

    summary: Summary
    plan: TrainingPlan | None

    @property
    def ready(self) -> bool:
        """Whether there is enough to train on."""
        return self.plan is not None


def look_ahead(
    annotations: Sequence[Annotation], spec: ModelSpec, options: TrainingOptions
) -> Job[Outlook]:
    """Look through paint and plan a training on it.

    Parameters
    ----------
    annotations
        What was painted.
    spec
        The network that is to learn.
    options
        How.

    Raises
    ------
    UserError
        When the paint doesn't fit image or network, or memory does not suffice.
    """
    summary = (yield from survey(annotations, spec.label_names)).summary
    if sum(1 for n in summary.pixels.values() if n) < 2:
        return Outlook(summary, None)
    return Outlook(summary, (yield from plan_of(annotations, spec, options)))


def plan_of(
    annotations: Sequence[Annotation], spec: ModelSpec, options: TrainingOptions
) -> Job[TrainingPlan]:
    """Return the plan that a training would begin with.

    Raises
    ------
    UserError
        When memory does not suffice, or the device is not there.
    """
    from napari_unet.core.device import choose
    from napari_unet.core.training_plan import choose_plan, plans

    compute = choose(options.device, options.precision)
    free = compute.budget(options.memory)
    images = [annotation.image for annotation in annotations]
    return (yield from choose_plan(plans(spec.config, options, compute, images), free))
