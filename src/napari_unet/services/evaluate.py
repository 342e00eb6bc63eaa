"""How a model does on labelled pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.core.memory import in_bytes
from napari_unet.core.survey import survey
from napari_unet.services.options import SegmentOptions, channel_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations import Annotation
    from napari_unet.core.metrics import ClassScore
    from napari_unet.core.model import Model
    from napari_unet.core.progress import Job


@dataclass(frozen=True)
class Evaluation:
    """Scores over all labelled pixels.

    Attributes
    ----------
    classes
        A score for each class, background first.
    iou, dice
        Mean over the classes but the background that occur; NaN if none does.
    """

    classes: tuple[ClassScore, ...]
    iou: float
    dice: float


def evaluate(
    annotations: Sequence[Annotation], model: Model, options: SegmentOptions | None = None
) -> Job[Evaluation]:
    """Compare what a model says with what is labelled; what is unlabelled does not count.

    Parameters
    ----------
    annotations
        Images with their labels; objects count as foreground.
    model
        The model.
    options
        Channels, normalisation, threshold, device, precision and memory; None: the defaults.

    Yields
    ------
    Progress
        In units of planes or volumes.

    Raises
    ------
    UserError
        When images, labels and model don't go together.
    """
    from napari_unet.core.affines import Affines
    from napari_unet.core.axes import frames
    from napari_unet.core.device import choose
    from napari_unet.core.judge import judge
    from napari_unet.core.model import Model
    from napari_unet.core.training_set import held_windows

    options = options or SegmentOptions()
    found = yield from survey(annotations, model.spec.label_names)
    changes = {"threshold": options.threshold, "normalization": options.normalization}
    spec = model.spec.model_copy(update={k: v for k, v in changes.items() if v is not None})
    windows = []
    for truth in found.truths:
        image = truth.annotation.image
        channels = channel_indices(image, spec, options.channels)
        affines = Affines(spec.normalization, frames(image, spec.axes, channels))
        everything = replace(truth, held=truth.applies)
        windows += held_windows(everything, spec.axes, channels, affines)
    compute = choose(options.device, options.precision)
    judged = Model(spec, model.network)
    confusion = yield from judge(judged, windows, compute, in_bytes(options.memory))
    return Evaluation(
        confusion.scores(spec.label_names), confusion.foreground_iou, confusion.foreground_dice
    )
