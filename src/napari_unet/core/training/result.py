"""What a training has come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.state import TrainingStatus
    from napari_unet.core.training.validation import ValidationScores


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training has come to.

    Attributes
    ----------
    model
        The best network so far, its description that of the model it started from.
    before, after
        How the model before the training, and this one, do on the held-out paint; None without any,
        and for a model with other classes or channels.
    status
        Steps, time, curve.
    plan
        How large a step is, with the predicted memory.
    compute
        Where it ran, and in which number format.
    reduced_by_memory
        Whether the plan is a smaller one than it would have been with more memory.
    training_set
        What it learnt from.
    warnings
        What went wrong on the way without ending it, each a sentence.
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

    @property
    def measured(self) -> int:
        """Peak of the memory in bytes, as measured."""
        return self.status.measured

    @property
    def ended(self) -> str:
        """Why it ended; empty while it goes on."""
        return self.status.ended


@dataclass(frozen=True, kw_only=True)
class Prepared(Progress):
    """The paint has been looked through and memory planned; the first step is next.

    Attributes
    ----------
    training_set
        What will be learnt from.
    plan
        How large a step is.
    repainted
        Whether it goes on after an interruption, with other paint than it had.
    """

    training_set: TrainingSet
    plan: TrainingPlan
    repainted: bool = False


@dataclass(frozen=True, kw_only=True)
class Checked(Progress):
    """The network has been judged.

    Attributes
    ----------
    trained
        What there would be if the training were stopped now.
    """

    trained: Trained
