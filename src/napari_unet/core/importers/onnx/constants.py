"""The small computations with sizes and constants that exporters leave in an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

MAX_SIZE = 1 << 24
"""Numbers of a result; such computations are of a few."""

_CASTS = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def compute(kind: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> NDArray[Any] | None:
    """Compute an operator of arrays.

    Parameters
    ----------
    kind
        Its name.
    inputs
        Arrays; None: left out.
    attributes
        Of the operator.

    Returns
    -------
    array or None
        The result; None: it is not among those that are known, or its result is too large.
    """
    if kind not in _OPERATORS:
        return None
    result = np.asarray(_OPERATORS[kind](attributes, *inputs))
    return None if result.size > MAX_SIZE else result


def _axes(attributes: Mapping[str, Any], given: Any) -> tuple[int, ...]:
    return tuple(int(a) for a in (attributes.get("axes", ()) if given is None else given))


def _constant(attributes: Mapping[str, Any]) -> Any:
    names = ("value", "value_float", "value_floats", "value_int", "value_ints")
    return next(attributes[name] for name in names if name in attributes)


def _squeeze(attributes: Mapping[str, Any], x: Any, axes: Any = None) -> Any:
    return np.squeeze(x, _axes(attributes, axes) or None)


def _slice(
    attributes: Mapping[str, Any],
    x: Any,
    starts: Any = None,
    ends: Any = None,
    axes: Any = None,
    steps: Any = None,
) -> Any:
    starts = attributes.get("starts") if starts is None else starts
    ends = attributes.get("ends") if ends is None else ends
    assert starts is not None
    assert ends is not None
    where = _axes(attributes, axes) or tuple(range(len(starts)))
    every = [1] * len(where) if steps is None else steps
    window = [slice(None)] * np.ndim(x)
    for axis, start, end, step in zip(where, starts, ends, every, strict=True):
        window[axis] = slice(int(start), int(end), int(step))
    return x[tuple(window)]


def _divided(_: Mapping[str, Any], a: Any, b: Any) -> Any:
    return a // b if np.issubdtype(a.dtype, np.integer) else a / b


def _reshaped(_: Mapping[str, Any], x: Any, shape: Any) -> Any:
    return np.reshape(x, [n or x.shape[i] for i, n in enumerate(shape.tolist())])


def _filled(attributes: Mapping[str, Any], shape: Any) -> Any:
    value = attributes.get("value", np.zeros(1, np.float32))
    n = shape.astype(np.int64).tolist()
    return np.broadcast_to(value.reshape(()), n if np.prod(n) <= MAX_SIZE else (MAX_SIZE + 1,))


_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Shape": lambda _, x: np.array(x.shape, np.int64),
    "Gather": lambda a, x, i: np.take(x, i, a.get("axis", 0)),
    "Unsqueeze": lambda a, x, axes=None: np.expand_dims(x, _axes(a, axes)),
    "Squeeze": _squeeze,
    "Concat": lambda a, *xs: np.concatenate(xs, a["axis"]),
    "Slice": _slice,
    "Cast": lambda a, x: x.astype(_CASTS[a["to"]]),
    "Identity": lambda _, x: x,
    "Reshape": _reshaped,
    "Transpose": lambda a, x: np.transpose(x, a.get("perm")),
    "Add": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "Mul": lambda _, a, b: a * b,
    "Div": _divided,
    "Neg": lambda _, x: -x,
    "Sqrt": lambda _, x: np.sqrt(x),
    "Floor": lambda _, x: np.floor(x),
    "Ceil": lambda _, x: np.ceil(x),
    "Equal": lambda _, a, b: a == b,
    "Where": lambda _, c, a, b: np.where(c, a, b),
    "Expand": lambda _, x, shape: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape))),
}
