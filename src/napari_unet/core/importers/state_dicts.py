"""Reading weights from a file: tensors by name, and nothing else that was saved with them."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import safetensors.torch
import torch
from torch import Tensor

from napari_unet.core.errors import UserError
from napari_unet.core.importers.files import (
    DOWNLOAD_AGAIN,
    SAVE_STATE_DICT,
    Kind,
    identify,
    refuse,
)
from napari_unet.core.importers.stand_ins import acts, is_module, load_with_stand_ins, module_state

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "network_weights",
    "model",
    "network",
    "net",
)
"""Keys under which training programs save a state dict."""

MAX_WRAPPERS = 4
"""How many of these may be nested."""

PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.", "unet.")
"""Prefixes that wrappers of a network add to all names."""

MASK_VALUES = "mask_values"
"""Key under which Pytorch-UNet saves the pixel values of the training masks."""

MAX_GROWTH = 8
"""Weights take at most so many times the bytes of their file: a quarter byte each is not enough."""

MAX_PICKLE_BYTES = 1 << 24
"""Bytes of a pickle that are searched for classes and functions."""

# what torch.save needs for tensors and parameters
TORCH_GLOBALS = re.compile(
    r"torch\.(\w+|(_utils|_tensor|storage|nn\.parameter)\.\w+)|collections\.OrderedDict"
)


@dataclass(frozen=True)
class StateDict:
    """A network's weights as they were saved.

    Attributes
    ----------
    tensors
        float32 tensors on the CPU by name, without the prefixes that wrappers of a network add.
    mask_values
        Pixel values of the training masks in the order of the classes, which Pytorch-UNet saves with the
        weights; empty if they are missing.
    beside
        What else was saved, by name: numbers, texts, lists and dictionaries. Other objects are
        dictionaries of their attributes.
    """

    tensors: dict[str, Tensor]
    mask_values: tuple[Any, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)


def read_state_dict(stream: BinaryIO, name: str) -> StateDict:
    """Read a safetensors file or one written by ``torch.save``, without running anything in it.

    Parameters
    ----------
    stream
        The open file.
    name
        Its name, for messages.

    Raises
    ------
    UserError
        When it is not a state dict, or is damaged.
    """
    kind = identify(stream, name)
    if kind is Kind.PACKAGE:
        raise refuse(Kind.ZIP, name)
    saved = _read_safetensors(stream, name) if kind is Kind.SAFETENSORS else _read(stream, name)
    state = _unwrap(saved)
    _check_size(state, stream.seek(0, 2), name)
    values = state.get(MASK_VALUES, ())
    tensors = {
        str(key): _checked(str(key), value, name)
        for key, value in state.items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and not str(key).endswith("num_batches_tracked")
    }
    if not tensors:
        raise UserError(
            f"{name} contains no weights",
            value=_summary(saved),
            rule="A state dict contains the tensors of a network by name.",
            remedy=SAVE_STATE_DICT,
        )
    mask_values = tuple(values) if isinstance(values, list | tuple) else ()
    return StateDict(_strip(tensors), mask_values, _beside(saved))


def _read_safetensors(stream: BinaryIO, name: str) -> Mapping[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(stream.read())
    except (safetensors.SafetensorError, ValueError, KeyError, MemoryError) as error:
        raise _damaged(name, error) from error
    return tensors


def _read(stream: BinaryIO, name: str) -> object:
    try:
        return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or foreign pickle can raise anything
        names = _foreign_names(stream)
        if not names:
            raise _damaged(name, error) from error
        acting = [entry for entry in names if acts(entry)]
        try:
            if not acting:
                return load_with_stand_ins(stream, names)
        except Exception:  # noqa: BLE001 - of objects that torch can't replace
            acting = names
        raise UserError(
            f"{name} contains Python objects besides the weights",
            value=", ".join(acting[:3]),
            rule="Reading Python objects can run any code, so only a state dict (tensors, numbers and "
            "text) is opened. Nothing was run.",
            remedy=SAVE_STATE_DICT,
        ) from error


def _foreign_names(stream: BinaryIO) -> list[str]:
    """Return the classes and functions in a PyTorch file that are not part of PyTorch's format."""
    names = set()
    try:
        stream.seek(0)
        pickles: list[bytes | BinaryIO]
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                inside = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
                pickles = [archive.read(inside)]
        else:
            stream.seek(0)
            # magic number, version and machine come before the object
            pickles = [io.BytesIO(stream.read(MAX_PICKLE_BYTES))] * 4
        for pickled in pickles:
            for opcode, argument, _ in pickletools.genops(pickled):
                if opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST"):
                    names.add(str(argument or "an object").replace(" ", "."))
    except Exception:  # noqa: BLE001 - damaged in any way: use what was read before
        pass
    return sorted(entry for entry in names if not TORCH_GLOBALS.fullmatch(entry))


def _damaged(name: str, error: Exception) -> UserError:
    text = str(error).partition("\n")[0][:120]
    return UserError(
        f"{name} is damaged or incomplete",
        value=f"{type(error).__name__}: {text}" if text else type(error).__name__,
        rule="The file must be complete.",
        remedy=DOWNLOAD_AGAIN,
    )


def _unwrap(saved: object) -> Mapping[Any, Any]:
    """Find the state dict inside the entries that training programs wrap it in."""
    state = saved if isinstance(saved, Mapping) else {}
    for _ in range(MAX_WRAPPERS):
        inner = [state[key] for key in WRAPPERS if isinstance(state.get(key), Mapping)]
        if is_module(state):
            inner = [module_state(state)]
        if not inner:
            break
        # mask_values may lie beside the wrapped weights or among them
        kept = {MASK_VALUES: state[MASK_VALUES]} if MASK_VALUES in state else {}
        state = {**kept, **inner[0]}
    return state


def _beside(saved: object) -> Mapping[str, Any]:
    """Return what was saved with the weights, as far as it is named."""
    if not isinstance(saved, Mapping) or is_module(saved):
        return {}
    return {
        str(key): value
        for key, value in saved.items()
        if not isinstance(value, Tensor) and str(key) not in WRAPPERS
    }


def _strip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that DataParallel, torch.compile and wrapping modules add to all names."""
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            return _strip({key.removeprefix(prefix): value for key, value in tensors.items()})
    return tensors


def _check_size(state: Mapping[Any, Any], size: int, name: str) -> None:
    """Raise a `UserError` where tensors share memory, so that their copies would take far more."""
    tensors = [v for v in state.values() if isinstance(v, Tensor) and v.layout == torch.strided]
    # those that are not stored in full are told one by one
    held = (min(4 * x.numel(), 4 * x.untyped_storage().nbytes()) for x in tensors)
    needed = sum(held)
    if needed > MAX_GROWTH * size + (1 << 20):
        raise _damaged(
            name, ValueError(f"{len(tensors):,} tensors of {needed:,} bytes in {size:,}")
        )


def _checked(key: str, tensor: Tensor, name: str) -> Tensor:
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    # with strides of zero, a few bytes can claim to be a tensor of any size
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise _damaged(name, ValueError(f"the tensor {key} is not stored in full"))
    # a copy, as some tensors are views into the memory of others
    tensor = tensor.detach().to(torch.float32, copy=True).contiguous()
    if not torch.isfinite(tensor).all():
        raise UserError(
            f"{name} has weights that are not numbers",
            value=f"NaN or infinite values in {key}",
            rule="Every weight must be a finite number.",
            remedy="The training diverged. Use an earlier checkpoint.",
        )
    return tensor


def _summary(saved: object) -> str:
    if not isinstance(saved, Mapping):
        return f"a {type(saved).__name__}"
    keys = ", ".join(map(str, list(saved)[:5]))
    return f"entries {keys}" if keys else "it is empty"
