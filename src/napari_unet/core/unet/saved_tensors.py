"""Autograd's saved tensors, some of them replaced by the recipe to make them again.

The graph stays that of a plain pass, so gradients are the same to the last bit whatever is recomputed;
only what autograd holds on to between forward and backward pass differs.
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


KINDS = ["cpu", *(k for k in ("cuda", "mps") if getattr(torch, k).is_available())]
"""Devices of this machine that may run in 16 bits."""


class Recomputation:
    """How to make a tensor again.

    Parameters
    ----------
    make
        Returns the tensor; runs without gradients and under the autocast of the forward pass.
    """

    def __init__(self, make: Callable[[], Tensor]) -> None:
        self._make = make
        self._held: Tensor | None = None
        self._users = 0
        self._autocast = [
            (kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
            for kind in KINDS
        ]

    def enlist(self) -> int:
        """Count one more operation that has saved the tensor; returns its number, from 0."""
        self._users += 1
        return self._users - 1

    def get(self, *, hold: bool) -> Tensor:
        """Return the tensor, made unless it is held; with `hold`, keep it for the next one."""
        tensor = self._held
        if tensor is None:
            with torch.no_grad(), _autocast(self._autocast):
                tensor = self._make()
        if hold:
            self._held = tensor
        return tensor

    def release(self) -> None:
        """Let go of the tensor."""
        self._held = None

    def serve(self, user: int) -> Tensor:
        """Give the tensor to a backward operation.

        Backward runs in the reverse order, so the operation that saved the tensor first is the last
        to need it, and the one that saved it second comes just before.
        """
        tensor = self.get(hold=user == 1)
        if user == 0:
            self.release()
        return tensor


class SavedTensors:
    """Knows the recipe of each tensor that need not be kept, while a forward pass runs."""

    def __init__(self) -> None:
        self._recipes: dict[tuple[Any, ...], tuple[weakref.ref[Tensor], Recomputation]] = {}
        self._making: tuple[Recomputation, torch.dtype] | None = None

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Context of the forward pass."""
        with torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack):
            yield
        # the graph alone decides from here on how long a recipe's ingredients live
        self._recipes.clear()

    @contextmanager
    def making(self, recipe: Recomputation, dtype: torch.dtype) -> Iterator[None]:
        """Context of an operation that saves its own output of a type, of which this is the recipe."""
        self._making = (recipe, dtype)
        try:
            yield
        finally:
            self._making = None

    def note(self, tensor: Tensor, recipe: Recomputation) -> Tensor:
        """From now on, whoever saves the tensor saves its recipe."""
        self._recipes[_identity(tensor)] = (weakref.ref(tensor), recipe)
        return tensor

    def _pack(self, tensor: Tensor) -> Any:
        if self._making is not None and self._making[1] == tensor.dtype:
            recipe = self._making[0]
        else:
            found = self._recipes.get(_identity(tensor))
            # a dead tensor's address may be another's by now
            if found is None or found[0]() is None:
                return tensor
            recipe = found[1]
        return recipe, recipe.enlist()

    def _unpack(self, packed: Any) -> Tensor:
        if isinstance(packed, Tensor):
            return packed
        recipe, user = packed
        tensor: Tensor = recipe.serve(user)
        return tensor


def _identity(tensor: Tensor) -> tuple[Any, ...]:
    return (tensor.untyped_storage()._cdata, tensor.storage_offset(), tuple(tensor.shape))


@contextmanager
def _autocast(states: list[tuple[str, torch.dtype, bool]]) -> Iterator[None]:
    with ExitStack() as stack:
        for kind, dtype, on in states:
            stack.enter_context(torch.autocast(kind, dtype, enabled=on))
        yield
