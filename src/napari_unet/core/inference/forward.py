"""Forward passes: tiles are read, normalised and run through the network."""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.core.tiling.plan import mirror_indices
from napari_unet.core.unet.fuse import fuse_batch_norm
from napari_unet.core.unet.network import UNet, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.image.statistics import NormalizationStatistics
    from napari_unet.core.model.spec import Model
    from napari_unet.core.tiling.plan import Tile
    from napari_unet.core.tiling.queue import Work


MAX_MACS_PER_STEP = {"cpu": 1e9, "cuda": None, "mps": None}
"""Multiply-adds between two yields: a fraction of a second on a small CPU. On a GPU the whole forward
pass takes less."""


class NetworkRunner:
    """Runs tiles through the network of a model.

    Parameters
    ----------
    model
        The model; it is not changed.
    compute
        Device and precision.
    """

    def __init__(self, model: Model, compute: Compute) -> None:
        self._model = model
        self._spec = model.spec
        self._compute = compute

    @cached_property
    def _network(self) -> UNet:
        """The copy for inference, made when it is first needed: planning needs none."""
        return _inference_copy(self._model.network, self._compute)

    def run(
        self, work: Sequence[Work], frame: tuple[int, ...], statistics: NormalizationStatistics
    ) -> Job[list[NDArray[np.float32]]]:
        r"""Read tiles, normalise them and run them through the network together.

        Parameters
        ----------
        work
            Tiles of the same shape, with their frames.
        frame
            Shape of the padded frames.
        statistics
            The measured normalisation of the frames.

        Yields
        ------
        Progress
            As a fraction of 1, after at most `MAX_MACS_PER_STEP` multiply-adds.

        Returns
        -------
        list of ndarray of float32
            (out_channels, \*tile.write) for each tile, after the activation.

        Raises
        ------
        UserError
            When an output or a pixel is not a finite number.
        """
        x = torch.from_numpy(np.stack([statistics[f](read_tile(f, tile)) for f, tile in work]))
        windows = [Window(tuple(s.start for s in tile.read), frame) for _, tile in work]
        tiles = [tile for _, tile in work]
        values = yield from self._infer(self._network, self._compute, x, windows, tiles)
        if self._compute.precision == "float16" and not _finite(values):
            # float16 ends at 65504: these tiles need the range of float32
            compute = Compute(self._compute.device, "float32")
            network = _inference_copy(self._model.network, compute)
            values = yield from self._infer(network, compute, x, windows, tiles)
        if not _finite(values):
            raise UserError(
                "The network gives values that are not numbers",
                value=f"model {self._spec.name!r}, precision {self._compute.precision}",
                rule="Every output must be a finite number.",
                remedy="Choose precision 'float32'. If that doesn't help, the model is damaged.",
            )
        return values

    def _infer(
        self,
        network: UNet,
        compute: Compute,
        x: Tensor,
        windows: Sequence[Window],
        tiles: Sequence[Tile],
    ) -> Job[list[NDArray[np.float32]]]:
        macs = self._spec.config.macs_per_pixel() * len(x) * prod(x.shape[2:])
        x = x.to(compute.device, compute.dtype).contiguous(memory_format=_layout(x.dim()))
        steps = network.steps(x, windows, MAX_MACS_PER_STEP[compute.device])
        del x
        done = 0.0
        while True:
            # inference mode belongs to the thread: it must be off whenever this generator is suspended
            with torch.inference_mode():
                try:
                    done += next(steps)
                except StopIteration as stop:
                    return self._outputs(stop.value, tiles)
            yield Progress(min(done / macs, 1.0), 1.0)

    def _outputs(self, logits: Tensor, tiles: Sequence[Tile]) -> list[NDArray[np.float32]]:
        outputs = []
        for logit, tile in zip(logits, tiles, strict=True):
            crop = logit[(slice(None), *tile.crop)].float()
            if self._spec.activation == "softmax":
                crop = crop.softmax(dim=0)
            elif self._spec.activation == "sigmoid":
                crop = crop.sigmoid()
            outputs.append(crop.cpu().contiguous().numpy())
        return outputs


def read_tile(frame: Frame, tile: Tile) -> NDArray[Any]:
    r"""Read a tile, mirror-padded at the far edges where it reaches beyond the image.

    Parameters
    ----------
    frame
        The frame.
    tile
        The tile of it.

    Returns
    -------
    ndarray
        (channels, \*tile.shape), in the image's own dtype.
    """
    index = [
        mirror_indices(r.start, r.stop, n) for r, n in zip(tile.read, frame.shape, strict=True)
    ]
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in index)
    block = frame.read(box)
    for axis, (positions, part) in enumerate(zip(index, box, strict=True), start=1):
        if len(positions) != block.shape[axis]:
            block = block.take(positions - part.start, axis=axis)
    return block


def _finite(values: Sequence[NDArray[np.float32]]) -> bool:
    return all(bool(np.isfinite(v).all()) for v in values)


def _inference_copy(network: UNet, compute: Compute) -> UNet:
    """Copy a network for inference: norms fused, on the device, in its precision and layout."""
    copy = fuse_batch_norm(network).to(compute.device, compute.dtype)
    return copy.to(memory_format=_layout(network.config.ndim + 2))  # type: ignore[call-overload,no-any-return]


def _layout(dimensions: int) -> torch.memory_format:
    return torch.channels_last if dimensions == 4 else torch.channels_last_3d
