"""Engines that run ONNX graphs: what they are given for a tile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from napari_unet.core.engines.engine import Pace
from napari_unet.core.onnx.network import INPUT, PARTS, stretch_name
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.upsample import neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.progress import Job
    from napari_unet.core.unet.network import Window


class GraphEngine(ABC):
    """An `Engine` that runs the graph that `to_onnx` writes for tiles.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: Architecture) -> None:
        self._config = config
        self._pace = Pace()

    def run(self, x: Tensor, windows: Sequence[Window]) -> Job[Tensor]:
        """Compute logits, as `Engine.run`."""
        if len(set(windows)) > 1 and _is_aligned(self._config):
            parts = []
            for i, window in enumerate(windows):
                parts.append((yield from self.run(x[i : i + 1], [window])))
            return torch.cat(parts)
        shape = tuple(x.shape[2:])
        inputs = {INPUT: x.numpy(), **stretching(self._config, shape, windows[0])}
        logits = yield from self._compute(inputs, len(x) * prod(shape))
        return torch.from_numpy(logits)

    @abstractmethod
    def _compute(self, inputs: dict[str, NDArray[Any]], pixels: int) -> Job[NDArray[np.float32]]:
        """Compute the logits in the background; closing the job stops that."""


def stretching(
    config: Architecture, shape: tuple[int, ...], window: Window
) -> dict[str, NDArray[Any]]:
    """Return the inputs that a tiled graph has besides the image, by name.

    Parameters
    ----------
    config
        The architecture.
    shape
        Spatial shape of the tile.
    window
        Its position in the frame.
    """
    inputs: dict[str, NDArray[Any]] = {}
    if not _is_aligned(config):
        return inputs
    for level, factor in enumerate(config.strides):
        stride = config.level_strides[level + 1]
        below = window.at(stride)
        for axis, f in enumerate(factor):
            if f == 1:
                continue
            size = shape[axis] // stride[axis]
            parts = [
                part.numpy() for part in neighbours(size, f, below.start[axis], below.frame[axis])
            ]
            # the weights lie along the axis of the features
            column = [1] * (config.ndim + 2)
            column[axis + 2] = -1
            parts[2] = parts[2].reshape(column)
            for kind, part in zip(PARTS, parts, strict=True):
                inputs[stretch_name(level, axis, kind)] = part
    return inputs


def _is_aligned(config: Architecture) -> TypeGuard[UNetConfig]:
    """Whether what is upsampled depends on where a tile lies."""
    return isinstance(config, UNetConfig) and config.upsampling == "linear_aligned"
