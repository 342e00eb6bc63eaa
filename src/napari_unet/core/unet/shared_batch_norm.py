"""Batch norms whose statistics are those of the patches on all devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from collections.abc import Callable

    Total = Callable[[Tensor], Tensor]
    """Returns the sum of a tensor over all devices."""


class SharedBatchNorm(_BatchNorm):
    """A batch norm that sees the whole batch, of which each device has a part.

    What it computes in training, and its gradients, are those of one device with the whole batch.

    Parameters
    ----------
    like
        The batch norm whose parameters and buffers it takes over.
    total
        Sums over the devices.
    """

    def __init__(self, like: _BatchNorm, total: Total) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, like.affine)
        self.weight, self.bias = like.weight, like.bias
        self.running_mean, self.running_var = like.running_mean, like.running_var
        self.num_batches_tracked = like.num_batches_tracked
        self._total = total
        self._latest: tuple[Tensor, Tensor] | None = None

    def _check_input_dim(self, input: Tensor) -> None:
        """Take planes as well as volumes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, [Z,] Y, X)."""
        if not self.training:
            return super().forward(x)
        mean, variance, count = self._statistics(x.detach().float())
        self._latest = mean, variance
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            share = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * (count / (count - 1)), share)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        return self._normalised(x, mean, variance)

    def again(self, x: Tensor) -> Tensor:
        """Normalise once more what `forward` was given last, with the same statistics."""
        assert self._latest is not None
        return self._normalised(x, *self._latest)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        over = [0, *range(2, x.dim())]
        here = x.new_tensor([x.numel() / x.shape[1]])
        sums = self._total(torch.cat([x.sum(over), here]))
        mean, count = sums[:-1] / sums[-1], sums[-1]
        # not from the sum of squares: their difference has few digits where the mean is large
        variance = self._total(((x - _wide(mean, x)) ** 2).sum(over)) / count
        return mean, variance, count

    def _normalised(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        out: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, mean, (variance + self.eps).rsqrt(), self._total
        )
        return out


class _Normalise(torch.autograd.Function):
    """The normalisation, with the gradient that passes through the statistics.

    Ioffe and Szegedy 2015, arXiv:1502.03167, with sums over all devices.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, scale: Tensor, total: Total
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.total = total
        factor = scale * weight
        out = x.float() * _wide(factor, x) + _wide(bias - mean * factor, x)
        return out.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight, mean, scale = ctx.saved_tensors
        gradient = gradients[0].float()
        over = [0, *range(2, x.dim())]
        shape = (x.float() - _wide(mean, x)) * _wide(scale, x)
        here = x.new_tensor([x.numel() / x.shape[1]], dtype=torch.float32)
        of_bias, of_weight = gradient.sum(over), (gradient * shape).sum(over)
        sums = ctx.total(torch.cat([of_bias, of_weight, here]))
        n = len(mean)
        whole_bias, whole_weight, count = sums[:n], sums[n : 2 * n], sums[-1]
        of_x = gradient - _wide(whole_bias / count, x) - shape * _wide(whole_weight / count, x)
        of_x = of_x * _wide(weight * scale, x)
        return of_x.to(x.dtype), of_weight, of_bias, None, None, None


def _wide(channels: Tensor, like: Tensor) -> Tensor:
    """Return a value for each channel in the dimensions of features."""
    return channels.view(1, -1, *[1] * (like.dim() - 2))


def share_batch_norms(network: nn.Module, total: Total) -> None:
    """Replace the batch norms of a network by shared ones with the same parameters and names."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and child.track_running_stats:
            setattr(network, name, SharedBatchNorm(child, total))
        else:
            share_batch_norms(child, total)
