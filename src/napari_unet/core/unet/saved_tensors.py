"""The tensors that autograd saves for the backward pass, some of them replaced by a recomputation.

The graph is that of a plain pass, so gradients are the same to the last bit whatever is recomputed; only
what is kept between the forward and the backward pass differs.
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


AUTOCAST_DEVICES = ["cpu", *(k for k in ("cuda", "mps") if getattr(torch, k).is_available())]
"""Device types of this machine, for each of which autocast has a state of its own."""


class Recomputation:
    """Computes a tensor again that was not kept.

    Parameters
    ----------
    compute
        Returns the tensor; it runs without gradients and with the autocast state of the forward pass.
    """

    def __init__(self, compute: Callable[[], Tensor]) -> None:
        self._compute = compute
        self._held: Tensor | None = None
        self._users = 0
        self._autocast = [
            (kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
            for kind in AUTOCAST_DEVICES
        ]

    def add_user(self) -> int:
        """Register an operation that saves the tensor, and return its number, from 0."""
        self._users += 1
        return self._users - 1

    def get(self, *, hold: bool) -> Tensor:
        """Return the tensor, recomputed unless it is held; with `hold`, keep it for the next call."""
        tensor = self._held
        if tensor is None:
            with torch.no_grad(), _autocast(self._autocast):
                tensor = self._compute()
        if hold:
            self._held = tensor
        return tensor

    def release(self) -> None:
        """Drop the tensor if it is held."""
        self._held = None

    def get_for(self, user: int) -> Tensor:
        """Return the tensor to the backward pass of the operation with a number from `add_user`.

        The backward pass runs in reverse order, so the operation that saved the tensor first is the last
        to need it, and the one that saved it second comes just before.
        """
        tensor = self.get(hold=user == 1)
        if user == 0:
            self.release()
        return tensor


class SavedTensors:
    """Replaces the tensors that autograd saves in a forward pass by their recomputations."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[weakref.ref[Tensor], Recomputation]] = {}
        self._output: tuple[Recomputation, torch.dtype] | None = None

    @contextmanager
    def forward_pass(self) -> Iterator[None]:
        """Context of the forward pass."""
        with torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack):
            yield
        # from here on the graph alone decides how long the inputs of a recomputation live
        self._known.clear()

    @contextmanager
    def replace_output(self, recomputation: Recomputation, dtype: torch.dtype) -> Iterator[None]:
        """Context of an operation that saves an output of its own.

        Parameters
        ----------
        recomputation
            What to save in place of that output.
        dtype
            Its type, which tells it from anything else that the operation saves.
        """
        self._output = (recomputation, dtype)
        try:
            yield
        finally:
            self._output = None

    def replace(self, tensor: Tensor, recomputation: Recomputation) -> Tensor:
        """Save a recomputation wherever the tensor would be saved from now on; returns the tensor."""
        self._known[_identity(tensor)] = (weakref.ref(tensor), recomputation)
        return tensor

    def _pack(self, tensor: Tensor) -> Any:
        if self._output is not None and self._output[1] == tensor.dtype:
            recomputation = self._output[0]
        else:
            known = self._known.get(_identity(tensor))
            # the address of a tensor that is gone may belong to another one by now
            if known is None or known[0]() is None:
                return tensor
            recomputation = known[1]
        return recomputation, recomputation.add_user()

    def _unpack(self, packed: Any) -> Tensor:
        if isinstance(packed, Tensor):
            return packed
        recomputation, user = packed
        tensor: Tensor = recomputation.get_for(user)
        return tensor


def _identity(tensor: Tensor) -> tuple[Any, ...]:
    return (tensor.untyped_storage()._cdata, tensor.storage_offset(), tuple(tensor.shape))


@contextmanager
def _autocast(states: list[tuple[str, torch.dtype, bool]]) -> Iterator[None]:
    with ExitStack() as stack:
        for kind, dtype, on in states:
            stack.enter_context(torch.autocast(kind, dtype, enabled=on))
        yield
