"""The training set: what a network learns from, and what it is validated on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.annotations.holdout import hold_out
from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.annotations.rescale import AS_THEY_ARE
from napari_unet.core.annotations.units import units_of
from napari_unet.core.image.frames import frames
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.sampling.patches import index_patches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_unet.core.annotations.annotation import Annotation, Paint, Truth
    from napari_unet.core.annotations.holdout import HoldOut
    from napari_unet.core.annotations.holdout_masks import Held
    from napari_unet.core.annotations.inspection import Inspection
    from napari_unet.core.annotations.rescale import Rescaling
    from napari_unet.core.annotations.units import Units
    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.patches import PatchSampler


MAX_WINDOW_SIDE = 1024
"""Longest side of a validation window: what lies between strokes far apart is not computed."""


@dataclass(frozen=True, eq=False)
class ValidationWindow:
    """A part of a frame with held-out annotations.

    Attributes
    ----------
    truth
        The annotation.
    frame
        The plane or volume.
    box
        The window in the frame.
    statistics
        Normalisation of the image.
    """

    truth: Truth
    frame: Frame
    box: Box
    statistics: NormalizationStatistics

    @cached_property
    def units(self) -> Units:
        """The objects, strokes or blocks that are held out here, on which networks are compared."""
        return units_of(self.truth, self.frame, self.box)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Annotations prepared for training.

    Attributes
    ----------
    annotations
        The annotations that it was made from, at their own scale.
    inspection
        What they contain, at the scale that is learnt.
    held
        What is held out, or why nothing is.
    sampler
        Draws patches.
    statistics
        Normalisation of each annotation's image.
    windows
        Where the held-out annotations lie.
    """

    annotations: tuple[Annotation, ...]
    inspection: Inspection
    held: HoldOut
    sampler: PatchSampler
    statistics: tuple[NormalizationStatistics, ...]
    windows: tuple[ValidationWindow, ...]

    @cached_property
    def class_weights(self) -> tuple[float, ...]:
        """Weight of each class in the loss, background first."""
        return balance(self.inspection.pixels)

    @cached_property
    def validation_pixels(self) -> int:
        """Pixels that the network computes in one validation."""
        return count_pixels(self.windows)


def make_training_set(
    paint: Paint,
    spec: ModelSpec,
    *,
    patch: tuple[int, ...],
    held_out: float,
    seed: int,
    rescaling: Rescaling = AS_THEY_ARE,
    earlier: Held | None = None,
    learnt: Sequence[Truth] = (),
) -> Job[TrainingSet]:
    """Inspect annotations, hold some out, and find where patches can be drawn.

    Parameters
    ----------
    paint
        The annotations, and the channels of their images that the network gets.
    spec
        The model that will learn: its axes, classes and normalisation.
    patch
        Shape of a patch; it can be changed later.
    held_out
        Fraction of the annotations to hold out.
    seed
        Seed of everything that is random.
    rescaling
        At which scale the images are learnt.
    earlier, learnt
        What was held out of the same images when less was annotated, and those annotations, as for
        `hold_out`: what has been learnt from must not serve for validation.

    Yields
    ------
    Progress
        After each plane.

    Raises
    ------
    UserError
        When there is too little to train on, or it doesn't fit the model.
    """
    annotations = paint.annotations
    shown = yield from rescaling.annotations(annotations)
    inspection = yield from inspect_annotations(shown, spec.label_names)
    inspection.summary.check()
    held = yield from hold_out(
        inspection.truths, fraction=held_out, seed=seed, earlier=earlier, learnt=learnt
    )
    sampler = yield from index_patches(
        held.truths,
        spatial=spec.axes,
        channels=paint.channels,
        shape=patch,
        margin=(0,) * len(patch),
        seed=seed,
    )
    statistics = tuple(
        NormalizationStatistics(
            spec.normalization, frames(truth.annotation.image, spec.axes, paint.channels)
        )
        for truth in held.truths
    )
    windows = [
        window
        for truth, of_image in zip(held.truths, statistics, strict=True)
        for window in validation_windows(truth, spec.axes, paint.channels, of_image)
    ]
    return TrainingSet(annotations, inspection, held, sampler, statistics, tuple(windows))


def validation_windows(
    truth: Truth, spatial: str, channels: Sequence[int], statistics: NormalizationStatistics
) -> list[ValidationWindow]:
    """Return windows that cover all that is held out of an annotation, and little else.

    Parameters
    ----------
    truth
        The annotation.
    spatial, channels
        ``"YX"`` or ``"ZYX"``, and the channels that the network gets.
    statistics
        Normalisation of the image.
    """
    windows = []
    for frame in frames(truth.annotation.image, spatial, channels):
        planes = []
        for key, mask in truth.held.items():
            position = dict(zip(truth.annotation.loops, key, strict=True))
            if mask and all(position[a] == i for a, i in frame.index.items()):
                planes.append((position.get("Z", 0), mask))
        if not planes:
            continue
        depth, masks = zip(*planes, strict=True)
        box: Box = tuple(
            slice(min(s.start for s in each), max(s.stop for s in each))
            for each in zip(*(mask.box for mask in masks), strict=True)
        )
        if "Z" in frame.spatial:
            box = (slice(min(depth), max(depth) + 1), *box)
        windows += [
            ValidationWindow(truth, frame, part, statistics)
            for part in _parts(box)
            if any(mask.window(*part[-2:]).any() for mask in masks)
        ]
    return windows


def count_pixels(windows: Iterable[ValidationWindow]) -> int:
    """Return the number of pixels in some windows."""
    return sum(prod(side.stop - side.start for side in window.box) for window in windows)


def _parts(box: Box) -> Iterator[Box]:
    """Cut a box along Y and X into parts of at most `MAX_WINDOW_SIDE` pixels."""
    *depth, rows, columns = box
    for top in range(rows.start, rows.stop, MAX_WINDOW_SIDE):
        for left in range(columns.start, columns.stop, MAX_WINDOW_SIDE):
            yield (
                *depth,
                slice(top, min(top + MAX_WINDOW_SIDE, rows.stop)),
                slice(left, min(left + MAX_WINDOW_SIDE, columns.stop)),
            )


MIN_DICE_PIXELS = 100
"""A class enters the Dice loss if a batch has at least so many labelled pixels of it, and of others.

With fewer, Dice is noise, and the class is learnt by cross-entropy alone.
"""

MAX_CLASS_WEIGHT = 10.0


def balance(pixels: Sequence[int], power: float = 0.25) -> tuple[float, ...]:
    """Weigh classes by how rare they are.

    Parameters
    ----------
    pixels
        Number of labelled pixels of each class, background first.
    power
        1: all classes have the same total weight; 0: all pixels do. Near 1, thin structures come out
        too thick, as the classes share the unlabelled pixels between strokes evenly.

    Returns
    -------
    tuple of float
        A weight for each class, at most `MAX_CLASS_WEIGHT`; 1 for one without pixels. Without that
        limit, the mean over the pixels is 1.
    """
    present = [n for n in pixels if n > 0]
    # a class with n pixels is weighted in proportion to n to the minus power
    norm = sum(present) / sum(n ** (1 - power) for n in present) if present else 1.0
    return tuple(min(norm * n**-power, MAX_CLASS_WEIGHT) if n > 0 else 1.0 for n in pixels)
