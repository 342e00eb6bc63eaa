"""The memory plan of a training, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.plan import TrainingPlan


def plan_of(
    annotations: Sequence[Annotation], spec: ModelSpec, options: TrainingOptions
) -> Job[TrainingPlan]:
    """Return the plan that a training would start with.

    Raises
    ------
    UserError
        When memory does not suffice, or there is no such device.
    """
    from napari_unet.core.device import choose_device
    from napari_unet.core.training.plan import choose_plan, plans

    compute = choose_device(options.device, options.precision)
    free = compute.budget(options.memory)
    images = [annotation.image for annotation in annotations]
    return (yield from choose_plan(plans(spec.config, options, compute, images), free))
