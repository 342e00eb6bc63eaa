"""What a network learns from and is judged by: paint made ready for training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.holdout import hold_out
from napari_unet.core.annotations.survey import inspect_annotations
from napari_unet.core.image.frames import frames
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.sampling.patches import index_patches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.core.annotations.annotation import Annotation, Paint, Truth
    from napari_unet.core.annotations.holdout import Held, HoldOut
    from napari_unet.core.annotations.survey import Inspection
    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.patches import PatchSampler


CELL = 1024
"""Longest side of a window that is judged at once: strokes far apart leave out what is between them."""


@dataclass(frozen=True, eq=False)
class HeldWindow:
    """A part of a frame that holds held-out paint."""

    truth: Truth
    frame: Frame
    box: Box
    affines: NormalizationStatistics


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Paint made ready.

    Attributes
    ----------
    annotations
        What it was made of.
    survey
        What is in it.
    held
        What is held out, and why nothing if nothing is.
    sampler
        Draws patches.
    affines
        Normalisation of each annotation's image.
    windows
        Where the held-out paint lies.
    """

    annotations: tuple[Annotation, ...]
    survey: Inspection
    held: HoldOut
    sampler: PatchSampler
    affines: tuple[NormalizationStatistics, ...]
    windows: tuple[HeldWindow, ...]

    @cached_property
    def class_weights(self) -> tuple[float, ...]:
        """Weight of each class in the loss, background first."""
        return balance(self.survey.pixels)

    @cached_property
    def validation_pixels(self) -> int:
        """Pixels that the network computes for one judgement."""
        return sum(int(np.prod([s.stop - s.start for s in w.box])) for w in self.windows)


def make_training_set(
    paint: Paint,
    spec: ModelSpec,
    *,
    patch: tuple[int, ...],
    held_out: float,
    seed: int,
    earlier: Held | None = None,
    learnt: Sequence[Truth] = (),
) -> Job[TrainingSet]:
    """Look through paint, hold some out, and find where patches can be drawn.

    Parameters
    ----------
    paint
        The paint.
    spec
        The model that will learn: its axes, classes and normalisation.
    patch
        Shape of a patch; it can be changed later.
    held_out
        Share of the paint to hold out.
    seed
        Of all that is random.
    earlier, learnt
        What was held out of the same images with less paint, and that paint, as for
        `hold_out`: what has been learnt from judges nobody.

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
    surveyed = yield from inspect_annotations(annotations, spec.label_names)
    surveyed.summary.check()
    held = yield from hold_out(
        surveyed.truths, fraction=held_out, seed=seed, earlier=earlier, learnt=learnt
    )
    sampler = yield from index_patches(
        held.truths,
        spatial=spec.axes,
        channels=paint.channels,
        shape=patch,
        margin=(0,) * len(patch),
        seed=seed,
    )
    affines = tuple(
        NormalizationStatistics(
            spec.normalization, frames(truth.annotation.image, spec.axes, paint.channels)
        )
        for truth in held.truths
    )
    windows = [
        window
        for truth, measured in zip(held.truths, affines, strict=True)
        for window in held_windows(truth, spec.axes, paint.channels, measured)
    ]
    return TrainingSet(annotations, surveyed, held, sampler, affines, tuple(windows))


def held_windows(
    truth: Truth, spatial: str, channels: Sequence[int], affines: NormalizationStatistics
) -> list[HeldWindow]:
    """Return windows of an image's frames that hold all that is held out there, and little else.

    Parameters
    ----------
    truth
        What is known of the image.
    spatial, channels
        ``"YX"`` or ``"ZYX"``, and the channels that go into the network.
    affines
        Normalisation of the image.
    """
    found = []
    for frame in frames(truth.annotation.image, spatial, channels):
        here = []
        for key, mask in truth.held.items():
            where = dict(zip(truth.annotation.loops, key, strict=True))
            if mask and all(where[a] == i for a, i in frame.index.items()):
                here.append((where.get("Z", 0), mask))
        if not here:
            continue
        depth, masks = zip(*here, strict=True)
        box: Box = tuple(
            slice(min(s.start for s in each), max(s.stop for s in each))
            for each in zip(*(mask.box for mask in masks), strict=True)
        )
        if "Z" in frame.spatial:
            box = (slice(min(depth), max(depth) + 1), *box)
        found += [
            HeldWindow(truth, frame, cell, affines)
            for cell in _cells(box)
            if any(mask.window(*cell[-2:]).any() for mask in masks)
        ]
    return found


def _cells(box: Box) -> Iterator[Box]:
    """Cut a box along Y and X into parts of at most `CELL` pixels."""
    *depth, rows, columns = box
    for top in range(rows.start, rows.stop, CELL):
        for left in range(columns.start, columns.stop, CELL):
            yield (
                *depth,
                slice(top, min(top + CELL, rows.stop)),
                slice(left, min(left + CELL, columns.stop)),
            )


ENOUGH = 100
"""Dice of a class counts where a batch has this many labelled pixels of it, and as many of others.

From fewer it would be noise; they train by cross-entropy alone.
"""

HEAVIEST = 10.0
"""Largest weight of a class."""


def balance(pixels: Sequence[int], power: float = 0.25) -> tuple[float, ...]:
    """Weigh classes by how rare they are.

    Parameters
    ----------
    pixels
        Number of labelled pixels of each class, background first.
    power
        1: all classes matter the same in sum; 0: all pixels do. Near 1, thin structures come out thick,
        because what is between strokes is shared out evenly.

    Returns
    -------
    tuple of float
        A weight for each class, at most `HEAVIEST`, 1 for one without pixels. Before that
        limit, the mean over the pixels is 1.
    """
    there = [n for n in pixels if n > 0]
    # a class with n pixels weighs in proportion to n to the minus power
    norm = sum(there) / sum(n ** (1 - power) for n in there) if there else 1.0
    return tuple(min(norm * n**-power, HEAVIEST) if n > 0 else 1.0 for n in pixels)
