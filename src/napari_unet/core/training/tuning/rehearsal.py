"""What a network knew before it is tuned: rehearsed along with the annotations, and judged along.

Robins 1995 (10.1080/09540099550039318): a network forgets less if some of what it learnt first is
shown to it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.core.annotations.annotation import Paint
from napari_unet.core.sampling.dataset import make_training_set, validation_windows

if TYPE_CHECKING:
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import TrainingSet, ValidationWindow
    from napari_unet.core.training.setup import TrainingSetup


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What is rehearsed.

    Attributes
    ----------
    training_set
        The images with all that is annotated in them.
    windows
        All of it, to validate on.
    """

    training_set: TrainingSet
    windows: tuple[ValidationWindow, ...]

    def patch(self, patch: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of its patches beside those of another shape: no larger than its images."""
        most = self.training_set.held.truths[0].annotation.plane_shape
        return tuple(min(n, m) for n, m in zip(patch, most, strict=True))


def prepare_rehearsal(setup: TrainingSetup) -> Job[Rehearsal | None]:
    """Prepare what the network rehearses; None if that is nothing, or it predicts other things now."""
    if not setup.rehearsal or not setup.same_outputs:
        return None
    spec = setup.model.spec
    training_set = yield from make_training_set(
        Paint(setup.rehearsal),
        spec,
        patch=setup.rehearsal[0].plane_shape,
        held_out=0,
        seed=setup.options.seed,
    )
    windows = [
        window
        for truth, statistics in zip(training_set.held.truths, training_set.statistics, strict=True)
        for window in validation_windows(
            replace(truth, held=truth.applies), spec.axes, (0,), statistics
        )
    ]
    return Rehearsal(training_set, tuple(windows))
