"""What a fine-tuning has come to: the new model, how it compares, and where it comes from."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from napari_unet.core.inference.rescale import common_pixel_size
from napari_unet.core.memory_units import GIB
from napari_unet.version import __version__

if TYPE_CHECKING:
    from napari_unet.core.evaluation.confusion import ClassScore
    from napari_unet.core.model.spec import Model
    from napari_unet.core.training.result import Trained
    from napari_unet.core.training.trainer import Trainer
    from napari_unet.services.training.options import FinetuneOptions


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """A new model and how it compares with its parent.

    Attributes
    ----------
    model
        The new model, its provenance included; saved nowhere yet.
    before, after
        Parent and new model on the same held-out paint, a score for each class, background first;
        empty without held-out paint, or where the parent has other classes or channels.
    trained
        The training: steps, time, curve, plan and memory.
    trainer
        Goes on when it is handed to `finetune` again.
    """

    model: Model
    before: tuple[ClassScore, ...]
    after: tuple[ClassScore, ...]
    trained: Trained
    trainer: Trainer = field(repr=False)

    @property
    def better(self) -> bool | None:
        """Whether it beats its parent on the held-out paint; None for a draw, or without any."""
        old, new = self.trained.before, self.trained.after
        if old is None or new is None:
            return None
        gain = new.score - old.score
        # not known, where no held-out paint is foreground
        return gain > 0 if abs(gain) >= 5e-4 else None

    @property
    def verdict(self) -> str:
        """How the two compare, in a sentence."""
        old, new = self.trained.before, self.trained.after
        if new is None:
            return f"Not judged. {self.trained.training_set.held}"
        iou = f"IoU {new.score:.3f}" if new.objects is None else f"object IoU {new.score:.3f}"
        if old is None:
            other = self.trainer.setup.parent is not None
            why = "the one before has other classes or channels" if other else "there is no parent"
            return f"{iou} on held-out paint; {why}, so that nothing can be compared."
        change = {True: "Better than", False: "NOT better than", None: "As good as"}[self.better]
        said = f"{change} before on held-out paint: {iou}, was {old.score:.3f}."
        if self._parent_may_know_the_paint:
            said += " The old one may have learnt some of that paint, which would flatter it."
        return said

    @property
    def _parent_may_know_the_paint(self) -> bool:
        """Whether it was trained on one of the images, and not with the very same paint held out."""
        parent, options = self.trainer.setup.parent, self.trainer.setup.options
        told = {} if parent is None else parent.spec.provenance.training
        seen = any(
            a.image.name in told.get("images", ()) for a in self.trained.training_set.annotations
        )
        lots = [told.get("options", {}).get(name) for name in ("seed", "held_out")]
        held = self.trained.training_set.held
        alike = [*lots, told.get("held_out")] == [options.seed, options.held_out, str(held)]
        return seen and not (alike and bool(held.taken))


def result_of(trainer: Trainer, trained: Trained, options: FinetuneOptions) -> FinetuneResult:
    """Name what a training has come to, and say where it comes from."""
    from napari_unet.core.model.spec import Model

    images = [annotation.image for annotation in trained.training_set.annotations]
    names = trained.model.spec.label_names
    before, after = (
        () if found is None else found.scores(names) for found in (trained.before, trained.after)
    )
    spec = trained.model.spec.model_copy(
        update={
            "name": options.name or _name(trainer, trained.model.spec.name),
            "pixel_size": common_pixel_size(images, trained.model.spec.axes),
            "provenance": _provenance(trainer, trained, options, before, after),
        }
    )
    return FinetuneResult(Model(spec, trained.model.network), before, after, trained, trainer)


def _name(trainer: Trainer, name: str) -> str:
    tuned = trainer.setup.parent is not None and not name.endswith("-tuned")
    return f"{name}-tuned" if tuned else name


def _provenance(
    trainer: Trainer,
    trained: Trained,
    options: FinetuneOptions,
    before: tuple[ClassScore, ...],
    after: tuple[ClassScore, ...],
) -> Any:
    from napari_unet.core.model.file import weights_hash
    from napari_unet.core.model.spec import Provenance

    status, used = trained.status, trained.training_set
    record = {
        "images": [a.image.name for a in used.annotations],
        "kinds": [a.kind for a in used.annotations],
        "regions": [[asdict(region) for region in a.regions] for a in used.annotations],
        "annotated_pixels": dict(used.inspection.summary.pixels),
        "held_out": str(used.held),
        "options": options.model_dump(mode="json"),
        "steps": status.step,
        "best_step": status.best_step,
        "seconds": round(status.seconds, 1),
        "curve": [point.model_dump() for point in status.curve],
        "scores": {"before": [vars(s) for s in before], "after": [vars(s) for s in after]},
        "ended": trained.ended,
        **_how(trained, options),
    }
    parent = trainer.setup.parent
    return Provenance(
        origin="trained from scratch" if parent is None else f"tuned from {parent.spec.name}",
        format="U-Net Studio",
        parent="" if parent is None else weights_hash(parent.network.state_dict()),
        package_version=__version__,
        training=record,
    )


def _how(trained: Trained, options: FinetuneOptions) -> dict[str, Any]:
    """Return what the options leave open, so that the same can be done again."""
    status, memory = trained.status, options.memory
    pace = list(status.pace)
    if not trained.ended and status.step != status.total:
        # somebody stopped it here
        pace.append((status.step, status.step))
    if memory is None and trained.reduced_by_memory:
        memory = (math.ceil(trained.plan.memory) + 1) / GIB
    return {
        "device": trained.compute.device,
        "precision": trained.compute.precision,
        "memory": memory,
        "pace": pace,
        "altered": status.altered,
    }
