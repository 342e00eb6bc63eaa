"""Training models, and telling how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet import jobs
from napari_unet.services.progress_bar import run_under_bar
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import Annotation, Kind
    from napari_unet.core.image.axes import Box, Image, Lazy
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model, Task
    from napari_unet.core.objects.measure import Columns
    from napari_unet.core.tracking.options import TrackingOptions
    from napari_unet.core.tracking.tracks import Tracks
    from napari_unet.services.evaluation.compare import Compared
    from napari_unet.services.evaluation.label_pairs import LabelPair
    from napari_unet.services.evaluation.scores import Evaluation
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.training.result import FinetuneResult


def new_network(
    annotations: Sequence[Annotation],
    options: FinetuneOptions | None = None,
    *,
    ndim: int = 2,
    channels: int = 1,
    classes: tuple[str, ...] | None = None,
    task: Task | None = None,
    progress: bool = False,
) -> NewModel:
    """Describe a new network that suits some annotations, for `finetune` to train from scratch.

    Parameters
    ----------
    annotations
        What it is to learn.
    options
        The seed is taken from them; None: the defaults.
    ndim
        2 for planes, 3 for volumes.
    channels
        Number of image channels that go in.
    classes
        Names of the classes without the background; None: those that occur in the annotations.
    task
        ``"semantic"`` for classes, ``"objects"`` to tell touching objects apart; None: objects if all
        annotations are of this kind.
    progress
        Whether to show a progress bar.

    Raises
    ------
    UserError
        When the annotations can't be learnt from.
    """
    job = jobs.new_network(
        annotations,
        options or FinetuneOptions(),
        ndim=ndim,
        channels=channels,
        classes=classes,
        task=task,
    )
    return run_under_bar(job, "Reading annotations", hidden=not progress)


def finetune(
    annotations: Sequence[Annotation],
    model: Model | NewModel,
    options: FinetuneOptions | None = None,
    *,
    state: str | Path | None = None,
    resume: bool = True,
    progress: bool = False,
) -> FinetuneResult:
    """Fine-tune a model on annotations, or train a new network.

    To stop midway and keep the best model so far, iterate over `jobs.finetune` instead.

    Parameters
    ----------
    annotations
        Images and what is annotated on them.
    model
        The model to start from, which is not changed, or a `new_network`.
    options
        How to train; None: the defaults.
    state
        A file in which the state of the training is kept: if it is interrupted, the same call continues
        from there. Delete it when the new model is saved. None: nothing is kept.
    resume
        Whether to continue from a state that exists.
    progress
        Whether to show a progress bar.

    Returns
    -------
    FinetuneResult
        The best model, its scores beside those of the model it started from, and the verdict.

    Raises
    ------
    UserError
        When there is too little to learn from, annotations don't fit image or model, or the memory
        does not suffice.
    """
    path = None if state is None else Path(state)
    job = jobs.finetune(annotations, model, options, state=path, resume=resume)
    return run_under_bar(job, "Training", hidden=not progress)


def evaluate(
    annotations: Sequence[Annotation],
    model: Model,
    options: SegmentOptions | None = None,
    *,
    progress: bool = False,
) -> Evaluation:
    """Score a model on annotated images.

    Objects and classes are the whole truth within their regions: what is found elsewhere in them counts
    as wrong. Scribbles say nothing about other pixels.

    Parameters
    ----------
    annotations
        Images with their true labels.
    model
        The model.
    options
        How to segment; None: the defaults.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Evaluation
        IoU and Dice of each class, and scores of objects where all annotations are objects.

    Raises
    ------
    UserError
        When images, labels and model don't go together.
    """
    return run_under_bar(
        jobs.evaluate(annotations, model, options), "Evaluating", hidden=not progress
    )


def compare_labels(
    pairs: Sequence[LabelPair],
    kind: Kind,
    names: Mapping[int, str] | None = None,
    *,
    progress: bool = False,
) -> Evaluation:
    """Score predicted labels against true ones.

    Parameters
    ----------
    pairs
        The labels. True pixels with a negative value are unknown and do not count.
    kind
        What the true labels hold: ``"scribbles"``, ``"classes"`` or ``"objects"``.
    names
        Names of the predicted classes by value.
    progress
        Whether to show a progress bar.

    Raises
    ------
    UserError
        When labels are out of range.
    """
    return run_under_bar(jobs.compare_labels(pairs, kind, names), "Comparing", hidden=not progress)


def compare_models(
    image: Image,
    before: Model,
    now: Model,
    options: SegmentOptions | None = None,
    *,
    region: Box | None = None,
    progress: bool = False,
) -> Compared:
    """Segment an image with two models and return where the results differ.

    Parameters
    ----------
    image
        The image.
    before, now
        The models, the older one first.
    options
        For both; None: the defaults.
    region
        A slice for each label axis: the part to compare; None: all.
    progress
        Whether to show a progress bar.

    Raises
    ------
    UserError
        When a model doesn't fit the image.
    """
    job = jobs.compare_models(image, before, now, options, region=region)
    return run_under_bar(job, "Comparing", hidden=not progress)


def measure(image: Image, labels: Lazy, *, spatial: str = "", progress: bool = False) -> Columns:
    """Measure the objects of a label image: size, position, and intensity in each channel.

    Parameters
    ----------
    image
        Intensities; every channel is measured.
    labels
        Whole numbers with the axes of the image but its channels; each number above 0 is an object.
    spatial
        ``"ZYX"`` for objects that go through the planes, ``"YX"`` for objects of single planes; empty:
        the first if there is a Z axis.
    progress
        Whether to show a progress bar.

    Returns
    -------
    dict of str to ndarray
        A row for each object. Sizes are in the image's unit (``area_um2``), or in pixels where the
        pixel size is not known. `save_table` writes it as CSV.

    Raises
    ------
    UserError
        When the labels are not whole numbers or don't fit the image, or pixels are NaN or infinite.
    """
    job: Any = jobs.measure(image, labels, spatial=spatial)
    columns: Columns = run_under_bar(job, "Measuring", hidden=not progress)
    return columns


def track(
    labels: Image, options: TrackingOptions | None = None, *, progress: bool = False
) -> Tracks:
    """Follow objects through time: the same number in every frame, and divisions.

    Parameters
    ----------
    labels
        Whole numbers with the axes ``TYX`` or ``TZYX``: above 0, each number one object of its frame.
    options
        None: the defaults.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Tracks
        A row for each object of each frame; `points` and `graph` are what a Tracks layer of napari
        takes, `columns` a table over time, `renumbered` the labels of a frame with the new numbers.

    Raises
    ------
    UserError
        When there is no time axis or a single frame, labels are not whole numbers, or there are none.
    """
    return run_under_bar(jobs.track(labels, options), "Tracking", hidden=not progress)
