"""The jobs of *Fine-tune*, and what they need from its form."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from napari_unet.core.model.spec import ModelSpec
from napari_unet.gui.layers.snapshots import snapshot
from napari_unet.gui.session.responsiveness import torch_ready
from napari_unet.services.segmentation.channels import input_names
from napari_unet.services.training.task import task_note, task_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Annotation, Paint
    from napari_unet.core.annotations.summary import Summary
    from napari_unet.core.image.axes import Lazy
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.gui.layers.snapshots import Snapshot
    from napari_unet.services.checking.finding import Finding
    from napari_unet.services.storage.work_folder import WorkImage
    from napari_unet.services.training.keep_learning import Screen
    from napari_unet.services.training.options import FinetuneOptions
    from napari_unet.services.training.result import FinetuneResult
    from napari_unet.services.training.variations import Variations


@dataclass(frozen=True)
class Request:
    """What is set in the form.

    Attributes
    ----------
    pairs
        The images and their annotations.
    paints
        The labels of each when the form was read; the user may go on painting.
    start
        The model to tune; its description, if it is not loaded yet; or the dimensions of a new network.
    options
        The settings, with the channels of the images that go into the network.
    names
        The names of the annotated classes, if they have names.
    source
        What the model to tune was loaded from; empty if it is in no file.
    others
        Other annotated images of the folder that is worked through, which are learnt from their files.
    """

    pairs: tuple[LayerPair, ...]
    paints: tuple[Lazy, ...]
    start: Model | ModelSpec | int
    options: FinetuneOptions
    names: tuple[str, ...] = ()
    source: str = ""
    others: tuple[WorkImage, ...] = ()

    def annotations(
        self, earlier: Snapshot | None = None, *, stroked: bool = True
    ) -> Job[Snapshot]:
        """Copy what is annotated in the viewer, and read what is in files; as `snapshot` does."""
        n = len(self.pairs)
        before = None if earlier is None else earlier[:n]
        copies = yield from snapshot(self.pairs, self.paints, before, stroked=stroked)
        if not self.others:
            return copies
        if earlier is not None and copies is before:
            return earlier
        if earlier is not None:
            return (*copies, *earlier[n:])
        from napari_unet.services.storage.work_folder import read_annotation_files

        return (*copies, *(yield from read_annotation_files(self.others, self.pairs[0].kind)))

    def blank(self, annotations: Snapshot) -> Job[NewModel]:
        """Describe the new network."""
        from napari_unet.services.training.new_network import new_network

        assert isinstance(self.start, int)
        options = self.options
        return (
            yield from new_network(
                annotations,
                options,
                ndim=self.start,
                channels=len(options.channels or (0,)),
                classes=options.classes,
                task=options.task,
                names=self.names,
            )
        )

    def spec(self, annotations: Snapshot) -> Job[ModelSpec]:
        """Describe the network that would learn."""
        from napari_unet.core.model.adapt import adapt_spec

        if isinstance(self.start, int):
            blank = yield from self.blank(annotations)
            return blank.spec
        spec = self._parent
        assert spec is not None
        channels = input_names(spec, self.options.channels)
        return adapt_spec(
            spec,
            classes=self.options.classes,
            task=task_of(spec, annotations, self.options),
            channels=channels,
        )

    def fitting(self, annotations: Snapshot) -> str:
        """Say how the network is adapted to channels and task; empty if it is not."""
        spec, chosen = self._parent, len(self.options.channels or ())
        if spec is None:
            return ""
        note = task_note(spec, annotations, self.options)
        if chosen in (0, len(spec.channels)):
            return note
        takes = f"{len(spec.channels)} channel{'s' * (len(spec.channels) != 1)}"
        return f"{spec.name} takes {takes}; its first layer is fitted to {chosen}. {note}".strip()

    @property
    def spatial(self) -> str:
        """Spatial axes of the network."""
        spec = self._parent
        return ("YX" if self.start == 2 else "ZYX") if spec is None else spec.axes

    @property
    def _parent(self) -> ModelSpec | None:
        if isinstance(self.start, int):
            return None
        return self.start if isinstance(self.start, ModelSpec) else self.start.spec


@dataclass(frozen=True)
class Inspected:
    """The annotations, and the plan of a training.

    Attributes
    ----------
    paint
        The snapshot that was inspected.
    summary
        What was annotated, and what is missing.
    fitting
        How the network is adapted to the channels.
    findings
        Probable faults in the annotations.
    plan
        Patches, batch, memory; None if there is too little to train on, or it was not requested.
    """

    paint: Snapshot
    summary: Summary
    fitting: str
    findings: Sequence[Finding] = ()
    plan: TrainingPlan | None = None


def look_job(
    request: Request, earlier: Inspected | None, stroked: bool, *, plan: bool
) -> Job[Inspected]:
    """Inspect the annotations and plan; an earlier result holds if nothing was painted since.

    Parameters
    ----------
    request
        What is set in the form.
    earlier
        The earlier result for the same form.
    stroked
        Whether something was painted since.
    plan
        Whether to plan, which imports much of torch.
    """
    from napari_unet.core.annotations.inspection import inspect_annotations
    from napari_unet.services.checking.check import check
    from napari_unet.services.training.plan import plan_of

    before = earlier.paint if earlier is not None else None
    paint = yield from request.annotations(before, stroked=stroked)
    known = earlier if earlier is not None and paint is earlier.paint else None
    if known is not None and (known.plan is not None or not (plan and known.summary.enough)):
        return known
    yield from torch_ready()
    spec = yield from request.spec(paint)
    if known is None:
        summary = (yield from inspect_annotations(paint, spec.label_names)).summary
        # labels painted in this window lie where they were painted
        foreign = [pair.labels.source.path is not None for pair in request.pairs]
        foreign += [False] * len(request.others)
        findings = yield from check(paint, foreign=foreign)
        known = Inspected(paint, summary, request.fitting(paint), findings)
    if plan and known.summary.enough:
        known = replace(known, plan=(yield from plan_of(paint, spec, request.options)))
    return known


def compare_job(request: Request, paint: Snapshot) -> Job[list[Finding]]:
    """Compare opened labels of objects with what the network to tune is sure of, where that is quick.

    Parameters
    ----------
    request
        What is set in the form.
    paint
        The annotations that were inspected.
    """
    from napari_unet.core.errors import UserError
    from napari_unet.core.model.spec import Model
    from napari_unet.services.checking.network import check_with, is_cheap

    # labels painted in this window are about what the network got wrong
    foreign = [i for i, pair in enumerate(request.pairs) if pair.labels.source.path is not None]
    opened = [paint[i] for i in foreign]
    if not isinstance(request.start, Model) or not is_cheap(opened):
        return []
    try:
        return (yield from check_with(opened, request.start, foreign))
    except UserError:
        # it does not fit these images yet, which the form says
        return []


def vary_job(request: Request) -> Job[Variations]:
    """Draw augmented patches around the annotations."""
    from napari_unet.services.training.variations import vary

    paint = yield from request.annotations()
    yield from torch_ready()
    spec = yield from request.spec(paint)
    return (yield from vary(paint, spec, request.options, channels=request.options.channels))


def train_job(
    request: Request, paint: Paint, state: Path, longer: FinetuneResult | None, resume: bool
) -> Job[FinetuneResult]:
    """Train.

    Parameters
    ----------
    request
        What was set in the form.
    paint
        Filled here, unless an earlier result is continued; may be replaced from then on.
    state
        The file for the state of the training.
    longer
        An earlier result, whose training is continued.
    resume
        Whether to continue from the state, if it is one of this training.
    """
    from napari_unet.services.training.finetune import finetune

    start = yield from _begin(request, paint, longer)
    job = finetune(paint, start, request.options, state=state, resume=resume, longer=longer)
    return (yield from job)


def learn_job(
    request: Request,
    paint: Paint,
    state: Path,
    longer: FinetuneResult | None,
    resume: bool,
    screen: Screen,
) -> Job[FinetuneResult]:
    """Keep learning, and segment the part in view; the other parameters are those of `train_job`."""
    from napari_unet.services.training.keep_learning import keep_learning

    start = yield from _begin(request, paint, longer)
    options = request.options
    job = keep_learning(paint, start, options, screen, state=state, resume=resume, longer=longer)
    return (yield from job)


def _begin(request: Request, paint: Paint, longer: FinetuneResult | None) -> Job[Model | NewModel]:
    """Copy the annotations, and return what to start from."""
    # needed for the curves; imported in this thread, it does not block the window
    importlib.import_module("pyqtgraph")
    if longer is None:
        copies: tuple[Annotation, ...] = yield from request.annotations()
        paint.annotations = copies
    start: Any = request.start
    if isinstance(start, int):
        start = yield from request.blank(paint.annotations)
    return cast("Model | NewModel", start)
