"""The result of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_unet.core.evaluation.verdict import Comparison, Verdict, compare

if TYPE_CHECKING:
    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.status import TrainingStatus
    from napari_unet.core.training.validation import ValidationScores


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training.

    Attributes
    ----------
    model
        The best network so far, with the specification of the model it started from.
    before, after
        Scores of the parent and of `model` on the held-out annotations; None if nothing is held out,
        and for a parent with other classes or channels.
    status
        Steps, time, curve.
    plan
        How large a step is, with the predicted memory.
    compute
        Device and precision.
    reduced_by_memory
        Whether the plan is smaller than it would have been with more memory.
    training_set
        What it learnt from.
    warnings
        What went wrong without ending the training, each a sentence.
    known_before, known_after
        Scores of both on examples of what the parent knew before; None without such examples.
    verdict
        How the network compares with its parent, on each of the two.
    """

    model: Model
    before: ValidationScores | None
    after: ValidationScores | None
    status: TrainingStatus
    plan: TrainingPlan
    compute: Compute
    reduced_by_memory: bool
    training_set: TrainingSet
    warnings: tuple[str, ...] = ()
    known_before: ValidationScores | None = None
    known_after: ValidationScores | None = None
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        # here, in the thread that trains: it takes a tenth of a second
        verdict = Verdict(
            _compared(self.before, self.after), _compared(self.known_before, self.known_after)
        )
        object.__setattr__(self, "verdict", verdict)

    @property
    def measured(self) -> int:
        """Measured peak of the memory, in bytes."""
        return self.status.measured

    @property
    def ended(self) -> str:
        """Why it ended; empty while it goes on."""
        return self.status.ended


def _compared(before: ValidationScores | None, after: ValidationScores | None) -> Comparison | None:
    if before is None or after is None or before.units is None or after.units is None:
        return None
    return compare(before.units, after.units)
