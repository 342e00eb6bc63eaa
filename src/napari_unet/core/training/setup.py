"""What a training starts from: the model, the annotations, the options, and where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.annotations.rescale import AS_THEY_ARE
from napari_unet.core.ranks.ranks import ALONE
from napari_unet.core.sampling.batches import Batches
from napari_unet.core.sampling.dataset import make_training_set
from napari_unet.core.sampling.targets import Border
from napari_unet.core.training.identity import training_key
from napari_unet.core.training.plan import COPIES, choose_plan, plans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Annotation, Paint, Truth
    from napari_unet.core.annotations.holdout_masks import Held
    from napari_unet.core.annotations.rescale import Rescaling
    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.ranks.ranks import Ranks
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.plan import TrainingPlan


@dataclass(frozen=True, eq=False)
class TrainingSetup:
    """What a training starts from.

    Attributes
    ----------
    model
        The network to start from; it is not changed.
    paint
        What to learn; its annotations may be replaced while the training runs.
    options
        How to train.
    compute
        Device and precision.
    parent
        The trained model that `model` is, or was adapted from; None when training from scratch.
    path
        File for the training state; None: the state is not saved.
    rehearsal
        Annotated images of what the parent knew before; empty: there are none.
    rescaling
        At which scale the annotated images are learnt.
    ranks
        The devices that train together; rank 0 leads.
    """

    model: Model
    paint: Paint
    options: TrainingOptions
    compute: Compute
    parent: Model | None = None
    path: Path | None = None
    rehearsal: tuple[Annotation, ...] = ()
    rescaling: Rescaling = AS_THEY_ARE
    ranks: Ranks = ALONE

    @property
    def key(self) -> str:
        """What identifies the training."""
        return training_key(self.model, self.options, self.paint.annotations)

    @property
    def tuning(self) -> bool:
        """Whether the weights come from an earlier training."""
        return self.parent is not None

    @property
    def comparable(self) -> bool:
        """Whether model and parent predict the same classes from the same channels."""
        if self.parent is None:
            return False
        old, new = self.parent.spec, self.model.spec
        # objects are found in the foreground, whatever that is called
        same_foreground = new.task == "objects" and len(old.label_names) == 1
        same_classes = same_foreground or old.label_names == new.label_names
        return same_classes and old.channels == new.channels

    @property
    def same_outputs(self) -> bool:
        """Whether the model predicts what its parent does, so that it can teach itself."""
        return (
            self.parent is not None
            and self.comparable
            and self.parent.spec.task == self.model.spec.task
        )

    def choose_plan(self, smaller_than: TrainingPlan | None = None) -> Job[TrainingPlan]:
        """Choose the preferred plan among those that fit the free memory.

        Parameters
        ----------
        smaller_than
            A plan that the training ran out of memory with.
        """
        if smaller_than is None:
            return choose_plan(self.plans(), self.report_memory())
        self.compute.release()
        # the weights, which each plan counts, are in memory already
        free = self.report_memory() + COPIES * 4 * self.model.spec.config.parameters
        return choose_plan(self.plans(), free, below=smaller_than.memory)

    def report_memory(self) -> int:
        """Return the bytes that the device with the least may use; all devices ask at the same time."""
        own = self.compute.budget(self.options.memory)
        # processes on one processor share its memory
        sharing = self.ranks.size if self.compute.device == "cpu" else 1
        return self.ranks.least(own // sharing)

    def plans(self) -> Iterator[TrainingPlan]:
        """Return the plans to try, the preferred one first."""
        images = self.rescaling.images(self.paint.annotations)
        return plans(self.model.spec.config, self.options, self.compute, images, self.ranks.size)

    def training_set(
        self, plan: TrainingPlan, earlier: Held | None = None, learnt: Sequence[Truth] = ()
    ) -> Job[TrainingSet]:
        """Make the training set of the present annotations; arguments as for `make_training_set`."""
        return make_training_set(
            self.paint,
            self.model.spec,
            patch=plan.patch,
            held_out=self.options.held_out,
            seed=self.options.seed,
            rescaling=self.rescaling,
            earlier=earlier,
            learnt=learnt,
        )

    def batches(self, training_set: TrainingSet, patch: tuple[int, ...]) -> Batches:
        """Return the batches of a training set, with patches of a shape."""
        weight = self.options.border_weight
        return Batches(
            training_set,
            patch,
            self.options.augment,
            Border(weight, self.options.border_width) if weight else None,
            self.compute.device,
            self.model.spec.task,
        )
