"""Patches as a training sees them: drawn around annotations and augmented at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.channels import common_channels
from napari_unet.services.training.plan import plan_of
from napari_unet.services.training.scale import choose_rescaling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.training.options import FinetuneOptions


@dataclass(frozen=True, eq=False)
class Variations:
    """Augmented patches.

    Attributes
    ----------
    images
        (N, [Z,] Y, X) float32, the first channel, normalised.
    labels
        (N, [Z,] Y, X) int32: 0 unlabelled, 1 background, 2… the classes or objects.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int32]


def vary(
    annotations: Sequence[Annotation],
    spec: ModelSpec,
    options: FinetuneOptions,
    *,
    channels: Sequence[int | str] | None = None,
    number: int = 8,
    largest: int = 256,
) -> Job[Variations]:
    """Draw patches and augment them as a training would.

    Parameters
    ----------
    annotations
        The annotations.
    spec
        The network that would learn: its axes, classes and normalisation.
    options
        The options of the training.
    channels
        Channels of the images that the network gets; None: the first ones.
    number
        Number of patches.
    largest
        Longest side of the patches.

    Raises
    ------
    UserError
        When there is too little annotated, or it doesn't fit image or network.
    """
    from napari_unet.core.annotations.annotation import Paint
    from napari_unet.core.sampling.batches import Batches
    from napari_unet.core.sampling.dataset import make_training_set

    indices = common_channels([a.image for a in annotations], spec, channels)
    plan = yield from plan_of(annotations, spec, options)
    patch = tuple(min(n, largest) for n in plan.patch)
    training_set = yield from make_training_set(
        Paint(tuple(annotations), indices),
        spec,
        patch=patch,
        held_out=0,
        seed=options.seed,
        rescaling=(yield from choose_rescaling(annotations, spec, options)),
    )
    batches = Batches(training_set, patch, options.augment, None, "cpu")
    images: list[Any] = []
    labels: list[Any] = []
    for i in range(number):
        yield Progress(i, number, "Augmenting")
        batch = yield from batches.make(0, [i])
        images.append(batch.images[0, 0].numpy())
        # unlabelled pixels have -1
        labels.append(batch.labels[0].numpy() + 1)
    return Variations(np.stack(images), np.stack(labels))
