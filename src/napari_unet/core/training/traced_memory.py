"""Predicts the memory of a training step by running it on tensors with shapes but no data."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet.core.model.architecture import build_network
from napari_unet.core.model.forward import training_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.unet.checkpointing_policy import CheckpointingPolicy


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that operations create, as long as they exist.

    Attributes
    ----------
    now, peak
        Bytes in use at the moment, and at most so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def forget(_: object) -> None:
            self.now -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)


@contextmanager
def watched(device: str) -> Iterator[Callable[[], int]]:
    """Watch the memory of tensors within the block.

    Yields
    ------
    callable
        Returns the peak so far in bytes: of all tensors on a CUDA device, elsewhere of those created
        within the block.
    """
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        yield torch.cuda.max_memory_allocated
        return
    with LiveMemory() as memory:
        yield lambda: memory.peak


def training_bytes_per_pixel(
    config: Architecture, policy: CheckpointingPolicy, itemsize: int
) -> float:
    """Return the peak memory of a training step beyond the weights, per input pixel of the batch.

    Parameters
    ----------
    config
        The network.
    policy
        What is recomputed in the backward pass.
    itemsize
        Bytes of an activation: 4 in float32, 2 in the 16-bit formats.
    """
    return _float32_bytes_per_pixel(config, policy) * itemsize / 4


@lru_cache(maxsize=256)
def _float32_bytes_per_pixel(config: Architecture, policy: CheckpointingPolicy) -> float:
    # nothing is allocated, so the shapes can be so large that activations outweigh the gradients of
    # the weights; the difference between two shapes is what grows with the image
    small = tuple(_LARGE[config.ndim] // stride * stride for stride in config.total_stride)
    large = tuple(2 * n for n in small)
    grown = _peak(config, large, policy) - _peak(config, small, policy)
    return grown / (prod(large) - prod(small))


_LARGE = {2: 2048, 3: 256}


class _TracedMemory(LiveMemory):  # type: ignore[no-untyped-call]
    """The same for tensors without data, where PyTorch takes long to find what a norm returns."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return super().__torch_dispatch__(_SHAPES.get(function, function), types, args, kwargs)


def _normalized(x: Tensor, *_: object) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output of a batch norm, and the mean and deviation of each channel."""
    channels = x.new_empty(x.shape[1])
    return torch.empty_like(x), channels, torch.empty_like(channels)


def _norm_gradients(_: Tensor, x: Tensor, *__: object) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by a batch norm's input, weight and bias."""
    return _normalized(x)


_SHAPES = {
    torch.ops.aten.native_batch_norm.default: _normalized,
    torch.ops.aten.native_batch_norm_backward.default: _norm_gradients,
}


def _peak(config: Architecture, shape: tuple[int, ...], policy: CheckpointingPolicy) -> int:
    with torch.device("meta"):
        network = build_network(config)
        x = torch.empty(1, config.in_channels, *shape)
    with _TracedMemory() as memory:
        # the loss starts from a gradient of the logits' size
        training_forward(network, x, policy).mean().backward()  # type: ignore[no-untyped-call]
    peak: int = memory.peak
    return peak
