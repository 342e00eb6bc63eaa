"""Makes batches from patches: read, normalised, augmented, with targets, on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.augment.deform import deformation_margin
from napari_unet.core.augment.draw import Augmentation, draw_augmentation
from napari_unet.core.augment.intensity import change_intensities
from napari_unet.core.augment.warp import warp
from napari_unet.core.model.spec import OBJECT_OUTPUTS
from napari_unet.core.sampling.object_targets import ObjectTargets, object_targets
from napari_unet.core.sampling.targets import Border, Targets, make_targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.annotations.annotation import Truth
    from napari_unet.core.augment.options import AugmentOptions
    from napari_unet.core.model.spec import Task
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.sampling.patches import Patch

    TargetKind = tuple[bool, tuple[float, ...]]
    """What the targets of a patch depend on: whether it has objects, and its pixel size."""


HELD_OUT = IGNORE - 1
"""Label, while a patch is deformed, of pixels that are labelled, but held out."""


@dataclass(frozen=True)
class Batch:
    """The patches of a training step, or some of them.

    Attributes
    ----------
    images
        (N, C, [Z,] Y, X) float32, normalised and augmented.
    labels
        (N, [Z,] Y, X) int32, as `Truth.labels` returns them.
    targets
        What the network should predict.
    held
        (N, [Z,] Y, X) bool: where labels are held out.
    """

    images: Tensor
    labels: Tensor
    targets: Targets | ObjectTargets
    held: Tensor


class Batches:
    """Makes the batches of a training: always the same for the same step and samples.

    Parameters
    ----------
    training_set
        What patches are drawn from.
    shape
        Shape of a patch.
    augment
        Strength of the augmentation.
    border
        Extra weight of pixels between objects; None: all have the same weight.
    device
        Device of the batches, on which the augmentation is computed, too.
    task
        Task of the network.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        shape: tuple[int, ...],
        augment: AugmentOptions,
        border: Border | None,
        device: str,
        task: Task = "semantic",
    ) -> None:
        self._task = task
        self._set = training_set
        self._augment = augment
        self._border = border
        self._device = device
        margins = [
            deformation_margin(augment, shape, self._spacing(t)) for t in training_set.held.truths
        ]
        around = tuple(max(each) for each in zip(*margins, strict=True))
        self._sampler = replace(training_set.sampler, shape=shape, margin=around)

    def make(self, step: int, samples: Sequence[int]) -> Job[Batch]:
        """Make a batch.

        Parameters
        ----------
        step
            The training step.
        samples
            Numbers of the patches in it; none: an empty batch.

        Yields
        ------
        Progress
            While the statistics of an image are computed for the first time.
        """
        if not samples:
            return self._empty()
        patches = [self._sampler.draw(step, sample) for sample in samples]
        images, labels = [], []
        for patch in patches:
            statistics = self._set.statistics[patch.source[0]]
            yield from statistics.prepare(patch.frame)
            images.append(torch.from_numpy(statistics[patch.frame](patch.image())))
            labels.append(torch.from_numpy(patch.labels(HELD_OUT)))
        draws = [self._draw(patch, step, n) for patch, n in zip(patches, samples, strict=True)]
        moved, picked = warp(
            torch.stack(images).to(self._device),
            torch.stack(labels).to(self._device),
            draws,
            ignore=IGNORE,
        )
        held = picked == HELD_OUT
        picked = torch.where(held, IGNORE, picked)
        targets = self._targets(picked, patches)
        return Batch(change_intensities(moved, draws), picked, targets, held)

    def _empty(self) -> Batch:
        channels = len(self._sampler.draw(0, 0).frame.channels)
        images = torch.zeros((0, channels, *self._sampler.shape), device=self._device)
        labels = torch.zeros(images[:, 0].shape, dtype=torch.int32, device=self._device)
        return Batch(images, labels, self._targets(labels, []), labels > 0)

    def _spacing(self, truth: Truth) -> tuple[float, ...]:
        return truth.annotation.image.spacing(self._set.sampler.spatial)

    def _draw(self, patch: Patch, step: int, sample: int) -> Augmentation:
        sampler = self._sampler
        spacing = self._spacing(patch.truth)
        channels = len(patch.frame.channels)
        key = (sampler.seed, step, sample)
        return draw_augmentation(self._augment, sampler.shape, spacing, channels, key)

    def _targets(self, labels: Tensor, patches: Sequence[Patch]) -> Targets | ObjectTargets:
        """Make the targets, at once for all patches of the same kind and pixel size."""
        kinds = [(patch.truth.objects, self._spacing(patch.truth)) for patch in patches]
        groups = {kind: [i for i, k in enumerate(kinds) if k == kind] for kind in kinds}
        if self._task == "objects":
            return self._object_targets(labels, groups)
        classes = torch.empty_like(labels, dtype=torch.int64)
        weights = torch.zeros_like(labels, dtype=torch.float32)
        for (objects, spacing), members in groups.items():
            targets = make_targets(
                labels[members], objects=objects, border=self._border, spacing=spacing
            )
            classes[members] = targets.classes
            if targets.weights is not None:
                weights[members] = targets.weights
        return Targets(classes, weights)

    def _object_targets(
        self, labels: Tensor, groups: Mapping[TargetKind, list[int]]
    ) -> ObjectTargets:
        n, *shape = labels.shape
        maps = torch.zeros((n, len(OBJECT_OUTPUTS), *shape), device=labels.device)
        known = torch.zeros_like(maps, dtype=torch.bool)
        weights = torch.zeros_like(labels, dtype=torch.float32)
        for (objects, spacing), members in groups.items():
            targets = object_targets(
                labels[members], objects=objects, border=self._border, spacing=spacing
            )
            maps[members], known[members] = targets.maps, targets.known
            if targets.weights is not None:
                weights[members] = targets.weights
        return ObjectTargets(maps, known, weights)
