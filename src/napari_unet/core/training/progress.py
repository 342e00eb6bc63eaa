"""What a training reports while it runs, beyond its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.result import Trained


@dataclass(frozen=True, kw_only=True)
class TrainingStarted(Progress):
    """The annotations have been inspected and the memory is planned; the first step comes next.

    Attributes
    ----------
    training_set
        What will be learnt.
    plan
        How large a step is.
    annotations_changed
        Whether an interrupted training continues with other annotations than it had.
    damage
        Why the state of an interrupted training was not used; empty if it was sound.
    """

    training_set: TrainingSet
    plan: TrainingPlan
    annotations_changed: bool = False
    damage: str = ""


@dataclass(frozen=True, kw_only=True)
class Validated(Progress):
    """The network has been validated.

    Attributes
    ----------
    trained
        The result if the training were stopped now.
    """

    trained: Trained
