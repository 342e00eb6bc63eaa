"""What segmenting an image will take, at once and by blocks: time, memory and disk."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.blocks.grid import BlockGrid
from napari_unet.core.inference.outputs import label_dtype
from napari_unet.services.blocks.block_shape import choose_block, pixels_seen
from napari_unet.services.segmentation.prepare import prepare

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.blocks.job import BlockOptions
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.plan import Plan
    from napari_unet.services.segmentation.prepare import PreparedRun

FINDING = 24
"""Bytes a pixel while objects are found: parts, cores, distances and what is sorted, as measured."""
NUMBERS = 8
"""Bytes a pixel on disk for pieces and cores."""
PYRAMID = 4 / 3
"""A label image with its pyramid, in images of its finest level."""


@dataclass(frozen=True)
class Forecast:
    """What segmenting an image will take.

    Attributes
    ----------
    frames
        Number of planes or volumes.
    shape
        Of each, in pixels.
    plan
        How it is computed at once.
    seconds
        Time that takes on this computer.
    memory
        Peak in bytes, with the outputs and labels that are kept.
    block
        Shape of a block in pixels.
    blocks
        Number of blocks of all frames.
    block_seconds
        Time by blocks on this computer, in one process.
    block_memory
        Peak in bytes by blocks, for each process.
    disk
        Bytes on disk that a run by blocks takes before anything is compressed.
    """

    frames: int
    shape: tuple[int, ...]
    plan: Plan
    seconds: float
    memory: float
    block: tuple[int, ...]
    blocks: int
    block_seconds: float
    block_memory: float
    disk: float

    def seconds_on(self, workers: int) -> float:
        """Return the time by blocks on so many computers like this one."""
        rounds = -(-self.blocks // workers)
        return self.block_seconds * rounds / self.blocks


def forecast(
    image: Image, model: Model, options: SegmentOptions, cutting: BlockOptions
) -> Job[Forecast]:
    """Foresee what segmenting an image will take.

    The network's time for a pixel is measured on this computer; the rest follows from shapes.

    Parameters
    ----------
    image, model, options, cutting
        As for `segment_by_blocks`.

    Yields
    ------
    Progress
        Of the estimate of the objects' diameter, and of the measurement.

    Raises
    ------
    UserError
        When image, model and options don't go together.
    """
    # it brings torch
    from napari_unet.core.diameter.look import seconds_per_pixel

    run = yield from prepare(image, model, options).sized()
    pixel = run.size.seconds or (yield from seconds_per_pixel(run.predictor))
    return foresee(run, pixel, cutting)


def foresee(run: PreparedRun, pixel: float, cutting: BlockOptions) -> Forecast:
    """Foresee what a run that is prepared will take.

    Parameters
    ----------
    run
        The run.
    pixel
        Seconds that the network takes for a pixel.
    cutting
        How it would be cut into blocks.
    """
    block = choose_block(run, cutting.block)
    blocks = len(BlockGrid(run.frames[0].shape, block)) * len(run.frames)
    frame, channels = prod(run.frames[0].shape), run.spec.config.out_channels
    label = np.dtype(label_dtype(run.spec, run.objects)).itemsize
    finding, kept = (FINDING, channels + NUMBERS) if run.objects else (0, 0)
    tile = prod(run.plan.tile_shape)
    return Forecast(
        frames=len(run.frames),
        shape=run.frames[0].shape,
        plan=run.plan,
        seconds=pixel * tile * run.plan.n_tiles,
        memory=run.plan.memory + frame * (channels + finding) + frame * len(run.frames) * label,
        block=block,
        blocks=blocks,
        block_seconds=pixel * pixels_seen(run, block) * blocks * run.plan.passes,
        block_memory=run.plan.memory + prod(block) * (channels + finding + label),
        disk=frame * len(run.frames) * (kept + label * PYRAMID),
    )
