"""Model files: safetensors with the description in the header, so that opening one runs no code."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic
from safetensors import SafetensorError, safe_open

from napari_unet.core.errors import UserError
from napari_unet.core.model.architecture import build_network
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.model.tensor_file import write_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

MODEL_SUFFIX = ".safetensors"
"""Suffix of model files."""

VERSION = 1
"""Version of the model file that is written; older ones can be read."""

# one key: safetensors writes several in random order, and equal models should give equal files
_KEY = "napari_unet"


def save_model(
    model: Model, path: str | Path, overwrite: bool = True, *, half: bool = False
) -> None:
    """Write a model file; an existing file is only replaced once the new one is complete.

    Parameters
    ----------
    model
        The model.
    path
        The file, which should end in ``.safetensors``.
    overwrite
        Whether an existing file may be replaced, also one that appears meanwhile.
    half
        Whether weights of convolutions are rounded to 16 bits: half the size, for networks that are
        passed on. What is read again computes in 32 bits with the rounded weights.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    state = {k: v.detach().cpu().contiguous() for k, v in model.network.state_dict().items()}
    if half:
        state = {k: _halved(v) for k, v in state.items()}
    header = {
        "version": VERSION,
        "spec": model.spec.model_dump(mode="json"),
        "sha256": weights_hash(_full(state)),
    }
    write_tensors(state, {_KEY: json.dumps(header)}, Path(path), replace=overwrite)


def read_spec(path: Path) -> ModelSpec:
    """Read the description of a model file without its weights, and without torch.

    Raises
    ------
    UserError
        When it is not a model file, is damaged, or is of a newer version.
    """
    return _spec(path, _header(path))


def read_hash(path: Path) -> str:
    """Read the `weights_hash` that a model file states; empty if it states none.

    Raises
    ------
    UserError
        As `read_spec`.
    """
    return str(_header(path).get("sha256", ""))


def load_model(path: Path) -> Model:
    """Read a model file.

    Raises
    ------
    UserError
        When it is not a model file, is damaged or of a newer version, or its weights do not match its
        header.
    """
    from safetensors.torch import load_file

    path = Path(path)
    header = _header(path)
    spec = _spec(path, header)
    _check_tensors(path, spec)
    with _readable(path):
        state = _full(load_file(path))
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise _broken(path, "NaN or infinite values among the weights")
    if weights_hash(state) != header.get("sha256"):
        raise _broken(path, "the weights do not match their checksum")
    network = build_network(spec.config)
    network.load_state_dict(state)
    return Model(spec, network.eval())


def _check_tensors(path: Path, spec: ModelSpec) -> None:
    """Compare the tensors that a file lists with those of the network, before either is made."""
    import torch

    with torch.device("meta"):
        expected = build_network(spec.config).state_dict()
    types = {torch.float32: ("F32", "F16"), torch.int64: ("I64",)}
    with _readable(path), safe_open(path, framework="numpy") as file:
        listed = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
        found = {key: (tuple(x.get_shape()), x.get_dtype()) for key, x in listed.items()}
    if found.keys() != expected.keys():
        raise _broken(path, "the weights do not fit the architecture")
    for key, tensor in expected.items():
        shape, dtype = found[key]
        if shape != tuple(tensor.shape) or dtype not in types[tensor.dtype]:
            raise _broken(
                path, f"the weights do not fit the architecture: {key} is {dtype} {shape}"
            )


def _halved(tensor: Tensor) -> Tensor:
    """Round weights of convolutions; few other numbers, such as variances, want their whole range."""
    return tensor.half() if tensor.is_floating_point() and tensor.dim() > 1 else tensor


def _full(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what a network computes with, whatever is stored."""
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def weights_hash(state: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the names and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_model_file(path: Path) -> bool:
    """Whether a file is a model file of U-Net Studio; False if it can't be read."""
    try:
        _header(path)
    except UserError:
        return False
    return True


def _header(path: Path) -> dict[str, object]:
    if path.exists() and not path.is_file():
        # a pipe would never end
        raise _broken(path, "not a file")
    try:
        with _readable(path), safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        with _readable(path):
            header = json.loads(metadata[_KEY])
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path.name!r} is not a model file of U-Net Studio",
            value="a safetensors file without a model description",
            rule="A model file has its description in its header.",
            remedy="Open it with 'Load U-Net', which recognises weights of other programs, or export it "
            "again.",
        ) from error
    if not isinstance(header, dict):
        raise _broken(path, "its header is not a JSON object")
    return header


def _spec(path: Path, header: dict[str, object]) -> ModelSpec:
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise UserError(
            f"{path.name!r} was written by a newer version of U-Net Studio",
            value=f"file version {version}",
            rule=f"This version reads model files up to version {VERSION}.",
            remedy="Update napari-unet-studio.",
        )
    try:
        return ModelSpec.model_validate(header.get("spec"))
    except pydantic.ValidationError as error:
        raise _broken(path, f"{error.error_count()} errors in the model description") from error
    except (RecursionError, MemoryError, OverflowError, TypeError) as error:
        raise _broken(path, f"a model description that can't be: {error}") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, RecursionError, MemoryError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, cause: object) -> UserError:
    missing = not path.is_file()
    return UserError(
        f"{path.name!r} can't be read as a model file",
        value="no such file" if missing else cause,
        rule="A model file is a complete safetensors file.",
        remedy="Check the path." if missing else "Copy or download it again: it may be incomplete.",
    )
