"""Fine-tune a model on paint, or train one from scratch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from napari_unet import __version__
from napari_unet.core.errors import UserError
from napari_unet.core.paint import Paint
from napari_unet.core.progress import Job, Progress
from napari_unet.core.training_options import TrainingOptions
from napari_unet.services.options import common_channels, input_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.annotations import Annotation
    from napari_unet.core.initial import Blank
    from napari_unet.core.metrics import ClassScore
    from napari_unet.core.model import Model
    from napari_unet.core.train import Trainer
    from napari_unet.core.trained import Trained


class FinetuneOptions(TrainingOptions):
    """How to fine-tune; the defaults suit most images."""

    channels: tuple[int | str, ...] | None = Field(
        None,
        title="Channels",
        description="Image channels for the network's inputs, by number (from 0) or name; none: the "
        "first ones. With more or fewer than the network has inputs, its first layer is fitted.",
    )
    classes: tuple[str, ...] | None = Field(
        None,
        title="Classes",
        description="Names of the classes that were painted, without the background; none: the "
        "model's. Other ones get a new last layer.",
    )
    task: Literal["semantic", "objects"] | None = Field(
        None,
        title="Task",
        description="semantic: a class for each pixel; objects: tell touching objects apart. None: the "
        "model's; another one gets a new last layer.",
    )
    name: str = Field(
        "", title="Name", description="Of the new model; empty: the old one's + tuned."
    )


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
        Goes on when it is handed to :func:`finetune` again.
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
            other = self.trainer.parent is not None
            why = "the parent has other classes or channels" if other else "there is no parent"
            return f"{iou} on held-out paint; {why} to compare with."
        change = {True: "Better than", False: "NOT better than", None: "As good as"}[self.better]
        said = f"{change} before on held-out paint: {iou}, was {old.score:.3f}."
        if self._parent_may_know_the_paint:
            said += " The old one may have learnt some of that paint, which flatters it."
        return said

    @property
    def _parent_may_know_the_paint(self) -> bool:
        """Whether it was trained on one of the images, with other lots or nothing held out."""
        parent, options = self.trainer.parent, self.trainer.options
        told = {} if parent is None else parent.spec.provenance.training
        seen = any(
            a.image.name in told.get("images", ()) for a in self.trained.training_set.annotations
        )
        lots = [told.get("options", {}).get(name) for name in ("seed", "held_out")]
        alike = lots == [options.seed, options.held_out] and told.get("judged", False)
        return seen and not alike


@dataclass(frozen=True, kw_only=True)
class ResultSoFar(Progress):
    """What there is if the training is stopped now."""

    result: FinetuneResult


def finetune(
    paint: Sequence[Annotation] | Paint,
    model: Model | Blank,
    options: FinetuneOptions | None = None,
    *,
    state: Path | None = None,
    resume: bool = True,
    longer: FinetuneResult | None = None,
) -> Job[FinetuneResult]:
    """Fine-tune a model on paint, or train one from scratch.

    Parameters
    ----------
    paint
        What was painted, a few annotations; as a :class:`~napari_unet.core.paint.Paint`, more can
        be added while the training runs.
    model
        The parent, which is not changed, or a description of a new network.
    options
        How; None: the defaults.
    state
        A file in which the state of the training is kept: if it is interrupted, the same call goes on
        from there. Delete it when the new model is saved. None: nothing is kept.
    resume
        Whether to go on from a state that is there.
    longer
        An earlier result: its training goes on for as many steps, or as long, again.

    Yields
    ------
    Progress
        In units of steps, several a second where steps are quick; its metrics are ``loss``, and
        ``iou`` where it was judged.
    ResultSoFar
        At each check. To stop and keep the best, close the generator and take the last of these.

    Returns
    -------
    FinetuneResult
        The best network.

    Raises
    ------
    UserError
        When there is too little paint, it doesn't fit image or model, or memory does not suffice.
    """
    from napari_unet.core.trained import Checked

    options = options or FinetuneOptions()
    yield Progress(0, options.steps, "Preparing")
    if not isinstance(paint, Paint):
        paint = Paint(tuple(paint))
    if not paint.annotations:
        raise UserError(
            "There is nothing to learn from",
            rule="Training needs at least one image with paint.",
            remedy="Choose an image and a labels layer painted on it.",
        )
    if longer is None:
        trainer = _trainer(paint, model, options, state, resume)
    else:
        trainer = longer.trainer
        trainer.paint, trainer.options = paint, options
    job = trainer.run()
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            trained: Trained = stop.value
            break
        if isinstance(step, Checked):
            result = _result(trainer, step.trained, options)
            yield ResultSoFar(step.done, step.total, step.note, step.metrics, result=result)
        else:
            yield step
    if not trained.status.curve:
        raise UserError(
            "The training came to nothing",
            value=trained.ended,
            rule="The loss must be a number.",
            remedy="Lower the learning rate, choose precision 'float32', and look for pixels that are "
            "far outside the usual range.",
        )
    return _result(trainer, trained, options)


def _trainer(
    paint: Paint,
    model: Model | Blank,
    options: FinetuneOptions,
    state: Path | None,
    resume: bool,
) -> Trainer:
    from napari_unet.core.device import Compute, choose
    from napari_unet.core.initial import Blank, adapted
    from napari_unet.core.train import Trainer

    compute = choose(options.device, options.precision)
    if compute.device == "mps" and options.precision == "auto":
        # nobody has trained there in 16 bits yet
        compute = Compute("mps", "float32")
    parent = None if isinstance(model, Blank) else model
    start = model.model() if isinstance(model, Blank) else model
    channels = input_names(start.spec, options.channels)
    start = adapted(
        start, classes=options.classes, task=options.task, channels=channels, seed=options.seed
    )
    images = [annotation.image for annotation in paint.annotations]
    paint.channels = common_channels(images, start.spec, options.channels)
    return Trainer(start, paint, options, compute, parent=parent, path=state, resume=resume)


def _result(trainer: Trainer, trained: Trained, options: FinetuneOptions) -> FinetuneResult:
    from napari_unet.core.model import Model

    names = trained.model.spec.label_names
    before, after = (
        () if found is None else found.scores(names) for found in (trained.before, trained.after)
    )
    spec = trained.model.spec.model_copy(
        update={
            "name": options.name or _tuned(trained.model.spec.name),
            "provenance": _provenance(trainer, trained, options, before, after),
        }
    )
    return FinetuneResult(Model(spec, trained.model.network), before, after, trained, trainer)


def _tuned(name: str) -> str:
    return name if name.endswith("-tuned") else f"{name}-tuned"


def _provenance(
    trainer: Trainer,
    trained: Trained,
    options: FinetuneOptions,
    before: tuple[ClassScore, ...],
    after: tuple[ClassScore, ...],
) -> Any:
    from napari_unet.core.checkpoint import weights_hash
    from napari_unet.core.model import Provenance

    status, used = trained.status, trained.training_set
    record = {
        "images": [a.image.name for a in used.annotations],
        "annotated_pixels": dict(used.survey.summary.pixels),
        "held_out": str(used.held),
        "judged": bool(used.windows),
        "options": options.model_dump(mode="json"),
        "steps": status.step,
        "best_step": status.best_step,
        "seconds": round(status.seconds, 1),
        "curve": [point.model_dump() for point in status.curve],
        "scores": {"before": [vars(s) for s in before], "after": [vars(s) for s in after]},
        "ended": trained.ended,
    }
    parent = trainer.parent
    return Provenance(
        origin="trained from scratch" if parent is None else f"tuned from {parent.spec.name}",
        format="U-Net Studio",
        parent="" if parent is None else weights_hash(parent.network.state_dict()),
        package_version=__version__,
        training=record,
    )
