"""Weights out of a file: tensors by name, and nothing else of what was saved with them."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
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

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "network", "net")
MAX_WRAPS = 4
PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.", "unet.")
MASK_VALUES = "mask_values"
MAX_PICKLE = 1 << 24
# what torch.save needs for tensors and parameters
PLAIN = re.compile(
    r"torch\.(\w+|(_utils|_tensor|storage|nn\.parameter)\.\w+)|collections\.OrderedDict"
)


@dataclass(frozen=True)
class StateDict:
    """A network's weights as they were saved.

    Attributes
    ----------
    tensors
        Float32 tensors on the CPU by name, without the prefixes that wrappers of a network add.
    mask_values
        Pixel values of the training masks in the order of the classes, which Pytorch-UNet saves
        with the weights; empty when they are not there.
    """

    tensors: dict[str, Tensor]
    mask_values: tuple[Any, ...] = ()


def read_state_dict(stream: BinaryIO, name: str) -> StateDict:
    """Read a safetensors file or what ``torch.save`` wrote, without running anything in it.

    Parameters
    ----------
    stream
        The open file.
    name
        Its name, for the errors.

    Raises
    ------
    UserError
        When it is not a state dict, or damaged.
    """
    kind = identify(stream, name)
    if kind is Kind.PACKAGE:
        raise refuse(Kind.ZIP, name)
    saved = _read_safetensors(stream, name) if kind is Kind.SAFETENSORS else _read(stream, name)
    found = _unwrap(saved)
    values = found.get(MASK_VALUES, ())
    tensors = {
        str(key): _checked(str(key), value, name)
        for key, value in found.items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and not str(key).endswith("num_batches_tracked")
    }
    if not tensors:
        raise UserError(
            f"{name} holds no weights",
            value=_summary(saved),
            rule="A state dict holds the network's tensors by name.",
            remedy=SAVE_STATE_DICT,
        )
    return StateDict(_strip(tensors), tuple(values) if isinstance(values, list | tuple) else ())


def _read_safetensors(stream: BinaryIO, name: str) -> Mapping[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(stream.read())
    except (safetensors.SafetensorError, ValueError, KeyError, MemoryError) as error:
        raise _damaged(name, error) from error
    return tensors


def _read(stream: BinaryIO, name: str) -> object:
    try:
        return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged or foreign pickle raises is anyone's guess
        strangers = _strangers(stream)
        if not strangers:
            raise _damaged(name, error) from error
        raise UserError(
            f"{name} holds Python objects beside the weights",
            value=", ".join(strangers[:3]),
            rule="Objects of classes can run any code when they are read, so only a state dict "
            "(tensors, numbers and text) is opened. Nothing was run.",
            remedy=SAVE_STATE_DICT,
        ) from error


def _strangers(stream: BinaryIO) -> list[str]:
    """Classes and functions a PyTorch file refers to that are no part of PyTorch's own format."""
    found = set()
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
            pickles = [io.BytesIO(stream.read(MAX_PICKLE))] * 4
        for one in pickles:
            for opcode, argument, _ in pickletools.genops(one):
                if opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST"):
                    found.add(str(argument or "an object").replace(" ", "."))
    except Exception:  # noqa: BLE001 - damaged in any way: what was found so far is all there is
        pass
    return sorted(entry for entry in found if not PLAIN.fullmatch(entry))


def _damaged(name: str, error: Exception) -> UserError:
    text = str(error).partition("\n")[0][:120]
    return UserError(
        f"{name} is damaged or not complete",
        value=f"{type(error).__name__}: {text}" if text else type(error).__name__,
        rule="The file must be whole to be read.",
        remedy=DOWNLOAD_AGAIN,
    )


def _unwrap(saved: object) -> Mapping[Any, Any]:
    """Go down through the entries under which training programs file a state dict."""
    found = saved if isinstance(saved, Mapping) else {}
    for _ in range(MAX_WRAPS):
        inner = [found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)]
        if not inner:
            break
        # mask_values may lie beside the wrapped weights as well as among them
        kept = {MASK_VALUES: found[MASK_VALUES]} if MASK_VALUES in found else {}
        found = {**kept, **inner[0]}
    return found


def _strip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop the prefixes that DataParallel, torch.compile and wrapping modules put before all."""
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            return _strip({key.removeprefix(prefix): value for key, value in tensors.items()})
    return tensors


def _checked(key: str, tensor: Tensor, name: str) -> Tensor:
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    # a few bytes can claim to be a tensor of any size by steps of zero
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise _damaged(name, ValueError(f"the tensor {key} is not stored in full"))
    # a copy, for some tensors are views into the memory of others
    tensor = tensor.detach().to(torch.float32, copy=True).contiguous()
    if not torch.isfinite(tensor).all():
        raise UserError(
            f"{name} has weights that are not numbers",
            value=f"NaN or infinite values in {key}",
            rule="Every weight must be a finite number.",
            remedy="The training went wrong; use a checkpoint from before that.",
        )
    return tensor


def _summary(saved: object) -> str:
    if not isinstance(saved, Mapping):
        return f"a {type(saved).__name__}"
    keys = ", ".join(map(str, list(saved)[:5]))
    return f"entries {keys}" if keys else "nothing in it"
