"""Fine-tune a model on paint, or train one from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.annotations.annotation import Paint
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.channels import common_channels, input_names
from napari_unet.services.training.options import CHANGEABLE, FinetuneOptions
from napari_unet.services.training.result import result_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.training.result import Trained
    from napari_unet.core.training.trainer import Trainer
    from napari_unet.services.training.result import FinetuneResult


@dataclass(frozen=True, kw_only=True)
class ResultSoFar(Progress):
    """What there is if the training is stopped now."""

    result: FinetuneResult


def finetune(
    paint: Sequence[Annotation] | Paint,
    model: Model | NewModel,
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
        What was painted, a few annotations; as a `Paint`, more can
        be added while the training runs.
    model
        The parent, which is not changed, or a description of a new network.
    options
        How; None: the defaults.
    state
        A file in which the state of the training is kept: if it is interrupted, the same call goes on
        from there. Delete it when the new model is saved. None: nothing is kept.
    resume
        Whether to go on from a state that is there. It must be of the same images and options; paint
        that has changed since is learnt as if it had been added meanwhile.
    longer
        An earlier result: its training goes on for as many steps, or as long, again. Of the options
        only `CHANGEABLE` may be others.

    Yields
    ------
    Progress
        In units of steps, several a second where steps are quick; its metrics are ``loss``, and
        ``iou`` where it was judged.
    Prepared
        Before the first step: what will be learnt, and how large a step is.
    ResultSoFar
        At each check. To stop and keep the best, close the generator and take the last of these.

    Returns
    -------
    FinetuneResult
        The best network.

    Raises
    ------
    UserError
        When there is too little paint, it doesn't fit image or model, or memory does not suffice, or
        a training can't go on as is asked for.
    """
    from napari_unet.core.training.result import Checked

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
        _check_unchanged(trainer.options, options)
        trainer.paint, trainer.options = paint, options
    job = trainer.run()
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            trained: Trained = stop.value
            break
        if isinstance(step, Checked):
            result = result_of(trainer, step.trained, options)
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
    return result_of(trainer, trained, options)


def _check_unchanged(before: TrainingOptions, now: TrainingOptions) -> None:
    settled = type(now).model_fields.keys() - CHANGEABLE
    others = sorted(name for name in settled if getattr(before, name, None) != getattr(now, name))
    if others:
        raise UserError(
            "The training can't go on with other settings",
            value=", ".join(others),
            rule=f"Only {', '.join(sorted(CHANGEABLE))} may change when it is trained longer.",
            remedy="Set them back, or keep the network and tune it with the new settings.",
        )


def _trainer(
    paint: Paint,
    model: Model | NewModel,
    options: FinetuneOptions,
    state: Path | None,
    resume: bool,
) -> Trainer:
    from napari_unet.core.device import Compute, choose_device
    from napari_unet.core.model.adapt import NewModel, adapt_model
    from napari_unet.core.training.trainer import Trainer

    compute = choose_device(options.device, options.precision)
    if compute.device == "mps" and options.precision == "auto":
        # nobody has trained there in 16 bits yet
        compute = Compute("mps", "float32")
    parent = None if isinstance(model, NewModel) else model
    start = model.build() if isinstance(model, NewModel) else model
    channels = input_names(start.spec, options.channels)
    start = adapt_model(
        start, classes=options.classes, task=options.task, channels=channels, seed=options.seed
    )
    images = [annotation.image for annotation in paint.annotations]
    paint.channels = common_channels(images, start.spec, options.channels)
    return Trainer(start, paint, options, compute, parent=parent, path=state, resume=resume)
