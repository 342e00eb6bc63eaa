"""Running a model over frames tile by tile, with the outputs that the whole frames would give."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING

from napari_unet.core.device import Compute, is_out_of_memory
from napari_unet.core.engines.torch_engine import MAX_MACS_PER_STEP
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.blend import blend
from napari_unet.core.inference.forward import NetworkRunner
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.tile_memory import (
    graph_bytes_per_pixel,
    inference_bytes_per_pixel,
    plan_tiles,
)
from napari_unet.core.progress import Job, Progress, as_part
from napari_unet.core.tiling.queue import TileQueue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.model.spec import Model
    from napari_unet.core.tiling.plan import Tile, TilePlan


MAX_TILE_PIXELS = {"cpu": 5e6, "cuda": inf, "mps": inf}
"""Largest tile, however much memory is free: layers that do not run in strips must be quick, too, and
the halo is a small part of such a tile already."""

MAX_MACS_PER_LAYER = 3e10
"""Most multiply-adds of a layer of a tile with engines that can only be stopped between two layers."""

MAX_BATCH_PIXELS = {"cpu": 1 << 16, "cuda": 1 << 22, "mps": 1 << 20}
"""Pixels of a forward pass beyond which batching more tiles gains nothing."""


class Predictor:
    """Runs a model over frames within a memory limit.

    Parameters
    ----------
    model
        The model; it is not changed.
    compute
        Device, precision and engine.
    normalization
        Replaces that of the model.
    memory
        Bytes that may be used; None: what is free.
    tile
        Side of the tiles in pixels; None: planned.
    calibration
        Folder in which the ranges of networks in 8 bits are kept; None: nowhere.

    Attributes
    ----------
    spec
        The model's description.
    compute, normalization, tile
        As given.
    bytes_per_pixel
        Memory that a forward pass takes, per input pixel.
    pixels
        Largest number of pixels of a tile.
    """

    def __init__(
        self,
        model: Model,
        compute: Compute,
        *,
        normalization: Normalization | None = None,
        memory: int | None = None,
        tile: int | None = None,
        calibration: Path | None = None,
    ) -> None:
        self.spec = model.spec
        self.compute = compute
        self.normalization = normalization or model.spec.normalization
        self.tile = tile
        budget = compute.free_memory if memory is None else memory
        self.bytes_per_pixel, most = _limits(model.spec.config, compute)
        self.pixels = min(budget / self.bytes_per_pixel, most)
        self._runner = NetworkRunner(model, compute, calibration)

    @property
    def precision(self) -> str:
        """The precision of the last image: not 8 bits where these were not good enough."""
        return self._runner.precision

    @property
    def passes(self) -> int:
        """Number of passes over each pixel."""
        return 1

    def plan(self, size: tuple[int, ...]) -> TilePlan:
        """Return the tiling of a frame of spatial shape `size`.

        Raises
        ------
        UserError
            When the side of the tiles is given, and too small for the network.
        """
        return plan_tiles(size, self.spec.config, self.pixels, self.tile)

    def batch_size(self, plan: TilePlan) -> int:
        """Return the number of tiles that go through the network together."""
        pixels = prod(plan.tile_shape)
        return max(1, int(min(MAX_BATCH_PIXELS[self.compute.device], self.pixels) // pixels))

    def run(
        self,
        frames: Sequence[Frame],
        region: Box | None = None,
        statistics: NormalizationStatistics | None = None,
    ) -> Job[None]:
        """Compute the outputs of some frames of the same shape.

        Parameters
        ----------
        frames
            The frames.
        region
            Window to compute; its outputs are those of the whole frame. None: all of each frame.
        statistics
            Normalisation of the frames, in part or all measured before; None: it is measured.

        Yields
        ------
        Progress
            Often enough to cancel within a fraction of a second.
        Outputs
            For each finished window; the windows cover the frames, or the region, once.

        Raises
        ------
        UserError
            When not even the smallest tile fits into memory, or an output or pixel is not a number.
        """
        statistics = statistics or NormalizationStatistics(self.normalization, frames)
        plan = self.plan(frames[0].shape)
        yield from self._runner.choose(frames, plan, statistics)
        if region is not None:
            tiles = [plan.around(region)]
        elif self.spec.config.tiles_exactly or plan.n_tiles == 1:
            tiles = list(plan.tiles())
        else:
            yield from blend(self._run(frames, plan, list(plan.overlapping()), statistics))
            return
        yield from self._run(frames, plan, tiles, statistics)

    def _run(
        self,
        frames: Sequence[Frame],
        plan: TilePlan,
        tiles: Sequence[Tile],
        statistics: NormalizationStatistics,
    ) -> Job[None]:
        limit = max(self.pixels, prod(plan.tile_shape))
        queue = TileQueue(plan, [(frame, tile) for frame in frames for tile in tiles], limit)
        total = len(frames) * sum(tile.pixels for tile in tiles)
        done = 0
        size = self.batch_size(plan)
        while work := queue.take(size):
            try:
                for frame, _ in work:
                    yield from as_part(statistics.prepare(frame), done, total, share=0)
                share = sum(tile.pixels for _, tile in work)
                forward = self._runner.run(work, plan.frame, statistics)
                values = yield from as_part(forward, done, total, share=share)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                del error
                queue.give_back(work)
                size = 1 if size > 1 else queue.shrink(work[0][1])
                self.compute.release()
                yield Progress(done, total, "Out of memory: continuing with smaller tiles")
                continue
            done += share
            for (frame, tile), value in zip(work, values, strict=True):
                yield Outputs(
                    done=done,
                    total=total,
                    note=frame.title,
                    frame=frame,
                    write=tile.write,
                    values=value,
                )


def _limits(config: Architecture, compute: Compute) -> tuple[float, float]:
    """Return the memory that a pixel of a tile takes in bytes, and the most pixels of a tile."""
    most = MAX_MACS_PER_LAYER / max(1.0, *config.layer_macs_per_pixel())
    if compute.engine != "torch":
        return graph_bytes_per_pixel(config, compute), min(most, MAX_TILE_PIXELS["cpu"])
    itemsize = 4 if compute.precision == "float32" else 2
    strips = MAX_MACS_PER_STEP[compute.device] is not None
    per_pixel = inference_bytes_per_pixel(config, itemsize, strips=strips)
    largest = MAX_TILE_PIXELS[compute.device]
    if strips and isinstance(config, LayerGraph):
        # its layers do not run in strips
        largest = min(largest, most)
    return per_pixel, largest
