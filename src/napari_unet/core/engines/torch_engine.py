"""torch as the engine: in strips on the CPU, so that it can be cancelled between them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch

from napari_unet.core.progress import Job, Progress
from napari_unet.core.unet.fuse import fuse_batch_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_unet.core.device import Compute
    from napari_unet.core.model.architecture import Network
    from napari_unet.core.unet.network import Window

MAX_MACS_PER_STEP = {"cpu": 1e9, "cuda": None, "mps": None}
"""Multiply-adds between two yields: a fraction of a second on a small CPU. On a GPU the whole forward
pass takes less."""


class TorchEngine:
    """Runs a copy of a network: norms fused, on the device, in its precision and layout.

    Parameters
    ----------
    network
        The network; it is not changed.
    compute
        Device and precision.
    """

    def __init__(self, network: Network, compute: Compute) -> None:
        copy = fuse_batch_norm(network).to(compute.device, compute.dtype)
        self._compute = compute
        self._layout = torch.channels_last if network.config.ndim == 2 else torch.channels_last_3d
        self._network: Network = copy.to(memory_format=self._layout)  # type: ignore[call-overload]

    def run(self, x: Tensor, windows: Sequence[Window]) -> Job[Tensor]:
        """Compute logits on the device, as `Engine.run`."""
        macs = self._network.config.macs_per_pixel() * len(x) * prod(x.shape[2:])
        x = x.to(self._compute.device, self._compute.dtype).contiguous(memory_format=self._layout)
        steps = self._network.steps(x, windows, MAX_MACS_PER_STEP[self._compute.device])
        del x
        done = 0.0
        while True:
            # inference mode belongs to the thread: it must be off whenever this generator is suspended
            with torch.inference_mode():
                try:
                    done += next(steps)
                except StopIteration as stop:
                    logits: Tensor = stop.value
                    return logits
            yield Progress(min(done / macs, 1.0), 1.0)
