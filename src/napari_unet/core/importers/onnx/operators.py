"""What layers of ours the operators of an ONNX file stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.onnx.constants import compute
from napari_unet.core.importers.onnx.resize import interpolation, whole_factors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.importers.families.builder import Builder
    from napari_unet.core.importers.onnx.protobuf import Node

ACTIVATIONS: dict[str, Literal["relu", "leaky_relu", "elu", "mish", "gelu"]] = {
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Mish": "mish",
    "Gelu": "gelu",
}
SLOPES = {"LeakyRelu": 0.01, "Elu": 1.0}
STATES = {
    "Sigmoid": ("", "sigmoid"),
    "Softmax": ("", "softmax"),
    "Softplus": ("", "softplus"),
    "Tanh": ("softplus", "tanh softplus"),
}
"""Operators that are no layer by themselves: what must have been done before, and what then has been."""
PRODUCTS: dict[str, Literal["silu", "mish"]] = {"sigmoid": "silu", "tanh softplus": "mish"}
"""Layers that features multiplied by what has been done to them stand for."""


@dataclass(frozen=True)
class Features:
    """What a layer gives, and its size; a `state` says what has been done to it that is no layer yet."""

    position: int
    shape: tuple[int, ...]
    state: str = ""
    groups: int = 0
    epsilon: float = 1e-5


class Operators:
    """Adds the layer of each operator to a network.

    Parameters
    ----------
    build
        The network.
    """

    def __init__(self, build: Builder) -> None:
        self._build = build

    def add(self, node: Node, inputs: Sequence[Any]) -> Features:
        """Add an operator, and return what it gives.

        Parameters
        ----------
        node
            The operator.
        inputs
            Features and arrays; None: left out.

        Raises
        ------
        NotThisLayoutError
            When no layer stands for it.
        """
        if node.kind in STATES:
            before, after = STATES[node.kind]
            x = inputs[0]
            if not isinstance(x, Features) or x.state != before:
                raise unknown(node)
            return Features(x.position, x.shape, after)
        if node.kind in ACTIVATIONS:
            slope = node.attributes.get("alpha", SLOPES.get(node.kind, 0.01))
            x = self._plain(node, inputs[0])
            at = self._build.activate(x.position, ACTIVATIONS[node.kind], slope)
            return Features(at, x.shape)
        method: Callable[..., Features] | None = getattr(self, f"_{node.kind.lower()}", None)
        if method is None:
            raise unknown(node)
        return method(node, *inputs)

    def _conv(self, node: Node, x: Any, weight: Any, bias: Any = None) -> Features:
        x = self._plain(node, x)
        strides, padding = self._window(node, weight.shape[2:])
        name = self._weights(weight, bias)
        groups = node.attributes.get("group", 1)
        at = self._build.conv(x.position, name, strides, groups=groups, padding=padding)
        sides = zip(x.shape[2:], weight.shape[2:], strides, padding, strict=True)
        return Features(at, (1, len(weight), *((n + 2 * p - k) // s + 1 for n, k, s, p in sides)))

    def _convtranspose(self, node: Node, x: Any, weight: Any, bias: Any = None) -> Features:
        x = self._plain(node, x)
        strides, padding = self._window(node, weight.shape[2:])
        axes = zip(weight.shape[2:], strides, padding, strict=True)
        extra = tuple(s + 2 * p - k for k, s, p in axes)
        given = tuple(node.attributes.get("output_padding", (0,) * len(extra)))
        if given != extra or node.attributes.get("group", 1) != 1:
            raise NotThisLayoutError("a transposed convolution gives an odd size, or has groups")
        at = self._build.transposed(x.position, self._weights(weight, bias), strides, padding)
        sides = (n * s for n, s in zip(x.shape[2:], strides, strict=True))
        return Features(at, (1, weight.shape[1], *sides))

    def _maxpool(self, node: Node, x: Any) -> Features:
        return self._pooled(node, x, "max_pool")

    def _averagepool(self, node: Node, x: Any) -> Features:
        kernel = node.attributes["kernel_shape"]
        padded = any(node.attributes.get("pads", ())) and not node.attributes.get(
            "count_include_pad"
        )
        if padded and max(kernel) > 1:
            raise NotThisLayoutError("a mean at the edge leaves out what is padded")
        return self._pooled(node, x, "average_pool")

    def _pooled(self, node: Node, x: Any, kind: Any) -> Features:
        x = self._plain(node, x)
        kernel = tuple(node.attributes["kernel_shape"])
        strides, padding = self._window(node, kernel)
        at = self._build.pool(x.position, strides, kernel, padding, kind)
        sides = zip(x.shape[2:], kernel, strides, padding, strict=True)
        size = ((n + 2 * p - k) // s + 1 for n, k, s, p in sides)
        return Features(at, (1, x.shape[1], *size))

    def _window(self, node: Node, kernel: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return stride and padding of an operator that looks at a window."""
        has, n = node.attributes, len(kernel)
        strides = tuple(has.get("strides", (1,) * n))
        pads = tuple(has.get("pads", (0,) * (2 * n)))
        auto = has.get("auto_pad", "NOTSET")
        if auto.startswith("SAME") and set(strides) == {1} and all(k % 2 for k in kernel):
            pads = tuple(k // 2 for k in kernel) * 2
        elif auto not in ("NOTSET", "VALID"):
            raise NotThisLayoutError(f"{node.kind} is padded by {auto}")
        if set(has.get("dilations", (1,))) != {1}:
            raise NotThisLayoutError(f"{node.kind} is dilated")
        if pads[:n] != pads[n:]:
            raise NotThisLayoutError(f"{node.kind} is padded unevenly")
        return strides, pads[:n]

    def _batchnormalization(
        self, node: Node, x: Any, gain: Any, bias: Any, mean: Any, variance: Any
    ) -> Features:
        x = self._plain(node, x)
        name = self._weights(gain, bias, running_mean=mean, running_var=variance)
        return self._normed(node, x, name)

    def _instancenormalization(self, node: Node, x: Any, gain: Any, bias: Any) -> Features:
        if isinstance(x, Features) and x.state == "groups":
            if np.any(gain != 1) or np.any(bias != 0):
                raise NotThisLayoutError("its groups are scaled")
            epsilon = node.attributes.get("epsilon", 1e-5)
            return Features(x.position, x.shape, "normed", x.groups, epsilon)
        return self._normed(node, self._plain(node, x), self._weights(gain, bias))

    def _groupnormalization(self, node: Node, x: Any, gain: Any, bias: Any) -> Features:
        x = self._plain(node, x)
        if len(gain) != x.shape[1]:
            raise NotThisLayoutError("its norms have a scale for each group")
        return self._normed(node, x, self._weights(gain, bias), node.attributes["num_groups"])

    def _normed(self, node: Node, x: Features, name: str, groups: int = 0) -> Features:
        epsilon = node.attributes.get("epsilon", 1e-5)
        return Features(self._build.norm(x.position, name, groups=groups, epsilon=epsilon), x.shape)

    def _reshape(self, node: Node, x: Any, shape: Any) -> Features:
        """Channels are put into groups before a group norm, and back after it."""
        if not isinstance(x, Features) or not isinstance(shape, np.ndarray):
            raise unknown(node)
        target = tuple(shape.tolist())
        if x.state == "" and len(target) >= 3 and x.shape[1] % max(target[1], 1) == 0:
            return Features(x.position, x.shape, "groups", target[1])
        if x.state == "normed" and target == x.shape:
            at = self._build.norm(x.position, "none", groups=x.groups, epsilon=x.epsilon)
            return Features(at, x.shape)
        raise unknown(node)

    def _prelu(self, node: Node, x: Any, slope: Any) -> Features:
        x = self._plain(node, x)
        self._build.remaining["here.weight"] = _tensor(slope.reshape(-1))
        return Features(self._build.prelu(x.position, "here"), x.shape)

    def _concat(self, node: Node, *parts: Any) -> Features:
        features = [self._plain(node, part) for part in parts]
        if node.attributes["axis"] != 1:
            raise NotThisLayoutError("it joins features along another axis than channels")
        at = self._build.concatenate(*(x.position for x in features))
        return Features(at, (1, sum(x.shape[1] for x in features), *features[0].shape[2:]))

    def _add(self, node: Node, a: Any, b: Any) -> Features:
        if isinstance(a, Features) and isinstance(b, Features):
            a, b = self._plain(node, a), self._plain(node, b)
            return Features(self._build.add(a.position, b.position), a.shape)
        x, constant = (a, b) if isinstance(a, Features) else (b, a)
        return self._scaled(node, x, np.ones(1, np.float32), constant)

    def _mul(self, node: Node, a: Any, b: Any) -> Features:
        if isinstance(a, Features) and isinstance(b, Features):
            x, other = (b, a) if a.state else (a, b)
            if x.state == "" and other.state in PRODUCTS and a.position == b.position:
                at = self._build.activate(a.position, PRODUCTS[other.state])
                return Features(at, a.shape)
            raise NotThisLayoutError("it multiplies features, as attention does")
        x, constant = (a, b) if isinstance(a, Features) else (b, a)
        return self._scaled(node, x, constant, np.zeros(1, np.float32))

    def _scaled(self, node: Node, x: Any, gain: Any, bias: Any) -> Features:
        """Multiply each channel and add to it, as a batch norm that has measured 0 and 1 does."""
        x, n = self._plain(node, x), x.shape[1]
        each = []
        for value in (gain, bias):
            if value.size not in (1, n) or (value.size == n > 1 and not _per_channel(value, x, n)):
                raise NotThisLayoutError("it changes features by what differs from pixel to pixel")
            each.append(np.broadcast_to(value.reshape(-1), n).astype(np.float32))
        zeros, ones = np.zeros(n, np.float32), np.ones(n, np.float32)
        name = self._weights(*each, running_mean=zeros, running_var=ones)
        # as small as may be, so that the variance stays 1 in 32 bits
        return Features(self._build.norm(x.position, name, epsilon=1e-12), x.shape)

    def _resize(self, node: Node, x: Any, *others: Any) -> Features:
        x = self._plain(node, x)
        scales, sizes = (*others[1:], None)[:2] if len(others) > 1 else (others[0], None)
        factor = whole_factors(x.shape, scales, sizes)
        kind = interpolation(node.attributes, factor)
        at = self._build.upsample(x.position, factor, kind)
        size = (a * f for a, f in zip(x.shape[2:], factor, strict=True))
        return Features(at, (1, x.shape[1], *size))

    def _upsample(self, node: Node, x: Any, scales: Any) -> Features:
        return self._resize(node, x, None, scales)

    def _pad(self, node: Node, x: Any, pads: Any = None, *_: Any) -> Features:
        """Decoders pad by what sizes differ: nothing, where these are multiples of the stride."""
        pads = node.attributes.get("pads") if pads is None else pads
        if np.any(np.asarray(pads)):
            raise NotThisLayoutError("it pads features by itself")
        return self._plain(node, x)

    def _slice(self, node: Node, x: Any, *window: Any) -> Features:
        whole = np.broadcast_to(np.bool_(True), x.shape)
        kept = compute("Slice", [whole, *window], node.attributes)
        if kept is None or kept.shape != x.shape:
            raise NotThisLayoutError("it cuts features")
        return self._plain(node, x)

    def _identity(self, node: Node, x: Any, *_: Any) -> Features:
        return self._plain(node, x)

    _dropout = _cast = _identity

    def _plain(self, node: Node, x: Any) -> Features:
        if not isinstance(x, Features) or x.state:
            raise unknown(node)
        return x

    def _weights(self, weight: Any, bias: Any = None, **others: Any) -> str:
        """Hand weights to the builder under a name, and return it."""
        given = {"weight": weight, "bias": bias, **others}
        for part, value in given.items():
            if value is not None:
                if not isinstance(value, np.ndarray):
                    raise NotThisLayoutError("some of its weights are computed from the image")
                self._build.remaining[f"here.{part}"] = _tensor(value)
        return "here"


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def _per_channel(value: NDArray[Any], x: Features, n: int) -> bool:
    """Whether numbers are one for each channel, as broadcasting has it."""
    shape = (1,) * (len(x.shape) - value.ndim) + value.shape
    return shape[1] == n


def unknown(node: Node) -> NotThisLayoutError:
    """Return the error for an operator that no layer stands for."""
    return NotThisLayoutError(f"it uses {node.kind} in a way that no layer of a U-Net stands for")
