"""Fine-tune a model on annotations, or train one from scratch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from napari_unet.core.annotations.annotation import Paint
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress, as_part
from napari_unet.core.ranks.ranks import ALONE
from napari_unet.services.segmentation.channels import common_channels, input_names
from napari_unet.services.training.options import CHANGEABLE, FinetuneOptions
from napari_unet.services.training.rehearsal import rehearsal_annotations, rehearsal_name
from napari_unet.services.training.result import result_of
from napari_unet.services.training.state_lock import check_room, state_of_one
from napari_unet.services.training.task import task_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Annotation, Truth
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model
    from napari_unet.core.ranks.ranks import Ranks
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.result import Trained
    from napari_unet.core.training.setup import TrainingSetup
    from napari_unet.core.training.trainer import Trainer
    from napari_unet.services.training.result import FinetuneResult

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ResultSoFar(Progress):
    """The result if the training were stopped now."""

    result: FinetuneResult


def finetune(
    paint: Sequence[Annotation] | Paint,
    model: Model | NewModel,
    options: FinetuneOptions | None = None,
    *,
    state: Path | None = None,
    resume: bool = True,
    longer: FinetuneResult | None = None,
    ranks: Ranks = ALONE,
) -> Job[FinetuneResult]:
    """Fine-tune a model on annotations, or train one from scratch.

    Parameters
    ----------
    paint
        What to learn. If it is a `Paint`, its annotations may be replaced while the training runs.
    model
        The parent, which is not changed, or a description of a new network.
    options
        How to train; None: the defaults.
    state
        File for the training state: after an interruption, the same call continues from there. Delete
        it once the new model is saved. None: no state is saved.
    resume
        Whether to continue from the state in that file. It must be of the same images and options;
        annotations that have changed since are learnt as if they had been added during the training.
    longer
        An earlier result, whose training continues for as many steps, or as long, again. Only the
        options in `CHANGEABLE` may differ.
    ranks
        The processes of a training on several devices, which this one leads.

    Yields
    ------
    Progress
        In units of steps; its metrics are ``loss`` and, after a validation, ``iou``.
    TrainingStarted
        Before the first step: what will be learnt, and how large a step is.
    ResultSoFar
        After each validation. To stop and keep the best, close the generator and take the last one.

    Returns
    -------
    FinetuneResult
        The best network.

    Raises
    ------
    UserError
        When there is too little annotated, it doesn't fit image or model, memory or room on the disk do
        not suffice, another training uses the state, or options differ that may not.
    """
    options = options or FinetuneOptions()
    with state_of_one(state):
        return (yield from _finetune(paint, model, options, state, resume, longer, ranks))


def follow_training(
    annotations: Sequence[Annotation],
    model: Model | NewModel,
    options: FinetuneOptions,
    ranks: Ranks,
) -> Job[None]:
    """Take part in a training that another process leads; arguments as for `finetune` there."""
    from napari_unet.core.training.devices.follower import follow

    setup = _setup(Paint(tuple(annotations)), model, options, None)
    yield from follow(replace(setup, ranks=ranks))


def _finetune(
    paint: Sequence[Annotation] | Paint,
    model: Model | NewModel,
    options: FinetuneOptions,
    state: Path | None,
    resume: bool,
    longer: FinetuneResult | None,
    ranks: Ranks,
) -> Job[FinetuneResult]:
    yield Progress(0, options.steps, "Preparing")
    paint = paint if isinstance(paint, Paint) else Paint(tuple(paint))
    _check_annotated(paint)
    if longer is None:
        setup = replace(_setup(paint, model, options, state), ranks=ranks)
        setup = yield from _rescaled(setup, options)
        check_room(state, setup.model.spec.config.parameters)
        trainer = yield from _prepare(setup, resume)
        job = trainer.run()
    else:
        trainer = longer.trainer
        _check_unchanged(trainer.setup.options, options)
        job = trainer.train_longer(paint, options)
    diameter = _Diameter(trainer, options)
    trained = yield from _with_results(job, trainer, options, diameter)
    _check_trained(trained)
    stated = yield from as_part(diameter.of(trained), options.steps, options.steps, share=0)
    return result_of(trainer, trained, options, stated)


def _check_annotated(paint: Paint) -> None:
    if not paint.annotations:
        raise UserError(
            "There is nothing to learn from",
            rule="Training needs at least one annotated image.",
            remedy="Choose an image and a labels layer painted on it.",
        )


def _check_unchanged(before: TrainingOptions, now: TrainingOptions) -> None:
    fixed = type(now).model_fields.keys() - CHANGEABLE
    changed = sorted(name for name in fixed if getattr(before, name, None) != getattr(now, name))
    if changed:
        raise UserError(
            "The training can't continue with other settings",
            value=", ".join(changed),
            rule=f"Only {', '.join(sorted(CHANGEABLE))} may change when it is trained longer.",
            remedy="Set them back, or keep the network and tune it with the new settings.",
        )


def _check_trained(trained: Trained) -> None:
    """Raise a `UserError` when the loss broke down before the first validation."""
    if not trained.status.curve:
        raise UserError(
            "The training failed before there was a network to keep",
            value=trained.ended,
            rule="The loss must be a finite number.",
            remedy="Lower the learning rate, choose precision 'float32', and look for pixels that are "
            "far outside the usual range.",
        )


def _setup(
    paint: Paint, model: Model | NewModel, options: FinetuneOptions, state: Path | None
) -> TrainingSetup:
    from napari_unet.core.device import Compute, choose_device
    from napari_unet.core.model.adapt import NewModel, adapt_model
    from napari_unet.core.training.setup import TrainingSetup

    compute = choose_device(options.device, options.precision)
    if compute.device == "mps" and options.precision == "auto":
        # training in 16 bit is untested there
        compute = Compute("mps", "float32")
    parent = None if isinstance(model, NewModel) else model
    start = model.build() if isinstance(model, NewModel) else model
    channels = input_names(start.spec, options.channels)
    task = options.task if parent is None else task_of(parent.spec, paint.annotations, options)
    start = adapt_model(
        start, classes=options.classes, task=task, channels=channels, seed=options.seed
    )
    images = [annotation.image for annotation in paint.annotations]
    paint.channels = common_channels(images, start.spec, options.channels)
    rehearsal = () if parent is None else rehearsal_annotations(rehearsal_name(parent))
    return TrainingSetup(start, paint, options, compute, parent, state, rehearsal)


def _rescaled(setup: TrainingSetup, options: FinetuneOptions) -> Job[TrainingSetup]:
    """Let a trained network learn objects at the size at which it knows them."""
    from napari_unet.services.training.scale import choose_rescaling

    if setup.parent is None:
        return setup
    job = choose_rescaling(setup.paint.annotations, setup.model.spec, options)
    return replace(setup, rescaling=(yield from as_part(job, 0, options.steps, share=0)))


def _prepare(setup: TrainingSetup, resume: bool) -> Job[Trainer]:
    from napari_unet.core.training.preparation import prepare
    from napari_unet.core.training.trainer import Trainer

    return Trainer((yield from prepare(setup, resume=resume)))


class _Diameter:
    """The diameter that the new model states; annotations are only measured again when they change."""

    def __init__(self, trainer: Trainer, options: FinetuneOptions) -> None:
        self._model, self._parent = trainer.setup.model.spec, trainer.setup.parent
        self._given = options.diameter
        self._rescaled = bool(trainer.setup.rescaling.factors)
        self._measured: float | None = None
        self._truths: Sequence[Truth] = ()

    def of(self, trained: Trained) -> Job[float | None]:
        """Return that of the annotations that were learnt."""
        from napari_unet.core.diameter.annotated import annotated_diameter
        from napari_unet.core.image.scale import is_same_diameter

        before = None if self._parent is None else self._parent.spec.diameter
        if self._given is not None and not self._rescaled:
            return self._given
        truths = trained.training_set.inspection.truths
        if truths is not self._truths:
            self._measured = yield from annotated_diameter(truths, self._model.axes)
            self._truths = truths
        measured = self._measured
        unchanged = trained.status.best_share == 0
        if before is not None and (
            unchanged or measured is None or is_same_diameter(measured, before)
        ):
            # other images keep the scale at which the parent knows them
            return before
        return measured


def _with_results(
    job: Job[T], trainer: Trainer, options: FinetuneOptions, diameter: _Diameter
) -> Job[T]:
    """Run a training; turn each validation into the result there would be."""
    from napari_unet.core.training.progress import Validated

    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if isinstance(step, Validated):
            stated = yield from as_part(diameter.of(step.trained), step.done, step.total, share=0)
            result = result_of(trainer, step.trained, options, stated)
            yield ResultSoFar(step.done, step.total, step.note, step.metrics, result=result)
        else:
            yield step
