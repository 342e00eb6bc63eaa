"""Inert stand-ins for the Python objects in a PyTorch file, so that the tensors beside them can be read.

torch's reader of weights makes no objects but those it is given. Here it is given a stand-in for every
class and function that a file names: a dictionary that keeps the attributes and does nothing. So nothing
of the file or of other packages is ever called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Self

import torch
from torch import Tensor

_ACTING = re.compile(
    r"(os|posix|nt|sys|subprocess|importlib|runpy|shutil|socket|ctypes|webbrowser|pty|code|codeop|"
    r"multiprocessing|operator|functools|pickle|_pickle|dill|cloudpickle)(\..*)?"
)
_PLAIN_BUILTINS = re.compile(
    r"(builtins|__builtin__)\."
    r"(object|set|frozenset|list|dict|tuple|int|float|complex|str|bytes|bytearray|slice|range)"
)


class StandIn(dict[str, Any]):
    """Takes the place of any object: keeps its attributes or items, and does nothing."""

    def __new__(cls, *_arguments: object, **_keywords: object) -> Self:
        """Ignore what the object would have been made of."""
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_keywords: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Keep the attributes that the object had."""
        if isinstance(state, Mapping):
            self.update({str(key): value for key, value in state.items()})

    # dictionaries have none, but the object may have been a key
    __hash__ = object.__hash__  # type: ignore[assignment]


class DictStandIn:
    """Takes the place of a kind of dictionary: a plain one, as torch fills no other."""

    def __new__(cls, *_arguments: object) -> Any:  # noqa: D102
        return {}


def acts(name: str) -> bool:
    """Whether the full name of a class or function is of something that acts, rather than holds data."""
    module = name.rpartition(".")[0]
    if module in ("builtins", "__builtin__"):
        return _PLAIN_BUILTINS.fullmatch(name) is None
    return _ACTING.fullmatch(module) is not None and name != "functools.partial"


def load_with_stand_ins(stream: BinaryIO, names: list[str]) -> object:
    """Read a file written by ``torch.save``, with stand-ins for some classes and functions.

    Parameters
    ----------
    stream
        The open file.
    names
        Full names of the classes and functions; all others are refused by torch.
    """
    # a class of its own for each, as torch finds what may be made by comparing classes
    pairs: list[Any] = []
    for name in names:
        base = DictStandIn if name.lower().endswith("dict") else StandIn
        # pickles of protocol 2 name modules as Python 2 did
        today = name.replace("__builtin__.", "builtins.").replace("copy_reg.", "copyreg.")
        pairs += [(type("StandIn", (base,), {}), known) for known in {name, today}]
    stream.seek(0)
    with torch.serialization.safe_globals(pairs):
        return torch.load(stream, map_location="cpu", weights_only=True)


def module_state(module: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the state dict of a whole network that was saved, from its stand-in.

    Parameters
    ----------
    module
        The attributes of an ``nn.Module``.

    Returns
    -------
    dict
        Tensors by name; empty if it is no network.
    """
    found: dict[str, Tensor] = {}
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (module.get(kind) or {}).items():
            if isinstance(tensor, Tensor):
                found[str(name)] = tensor
    for name, child in (module.get("_modules") or {}).items():
        if isinstance(child, Mapping):
            found |= {f"{name}.{key}": value for key, value in module_state(child).items()}
    return found


def is_module(value: object) -> bool:
    """Whether something is the stand-in of a network."""
    return isinstance(value, StandIn) and "_modules" in value and "_parameters" in value
