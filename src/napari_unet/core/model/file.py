"""The model file: safetensors with the description in its header, so that opening it runs no code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic
from safetensors import SafetensorError, safe_open

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.model.spec import Model, ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

MODEL_SUFFIX = ".safetensors"
VERSION = 1
# one key, because safetensors writes several in random order and equal models shall give equal files
_KEY = "napari_unet"


def save_model(model: Model, path: str | Path) -> None:
    """Write a model file; an existing one is replaced only once the new one is complete.

    Parameters
    ----------
    model
        What to save; weights go in as float32.
    path
        Ends in ``.safetensors``.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    from safetensors.torch import save

    state = {k: v.detach().cpu().contiguous() for k, v in model.network.state_dict().items()}
    header = {
        "version": VERSION,
        "spec": model.spec.model_dump(mode="json"),
        "sha256": weights_hash(state),
    }
    with atomic_path(Path(path)) as temporary:
        # not save_file: its file could be read by its owner only
        temporary.write_bytes(save(state, {_KEY: json.dumps(header)}))


def read_spec(path: Path) -> ModelSpec:
    """Read the description of a model file without its weights, and without torch.

    Raises
    ------
    UserError
        When the file is none of ours, broken, or of a newer version.
    """
    return _spec(path, _header(path))


def read_hash(path: Path) -> str:
    """Read what a model file says of its weights: their `weights_hash`.

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
        When the file is none of ours, broken, of a newer version, or its weights are not those its
        header was written for.
    """
    from safetensors.torch import load_file

    from napari_unet.core.unet.network import UNet

    header = _header(path)
    spec = _spec(path, header)
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _broken(path, error) from error
    if weights_hash(state) != header.get("sha256"):
        raise _broken(path, "the weights do not match their checksum")
    network = UNet(spec.config)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise _broken(path, "the weights do not fit the architecture") from error
    return Model(spec, network.eval())


def weights_hash(state: dict[str, Tensor]) -> str:
    """SHA-256 over names and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_model_file(path: Path) -> bool:
    """Whether a file has our header; False for anything else, unreadable files included."""
    try:
        _header(path)
    except UserError:
        return False
    return True


def _header(path: Path) -> dict[str, object]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        header = json.loads(metadata[_KEY])
    except (OSError, SafetensorError) as error:
        raise _broken(path, error) from error
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path.name!r} is not a model file of U-Net Studio",
            value="a safetensors file without a model description",
            rule="A model file carries its description in its header.",
            remedy="Open it with 'Load U-Net', which recognises foreign weights, or export it again.",
        ) from error
    if not isinstance(header, dict):
        raise _broken(path, "the header is no JSON object")
    return header


def _spec(path: Path, header: dict[str, object]) -> ModelSpec:
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise UserError(
            f"{path.name!r} was written by a newer U-Net Studio",
            value=f"file version {version}",
            rule=f"This version reads files up to version {VERSION}.",
            remedy="Update napari-unet-studio.",
        )
    try:
        return ModelSpec.model_validate(header.get("spec"))
    except pydantic.ValidationError as error:
        raise _broken(path, f"{error.error_count()} errors in the model description") from error


def _broken(path: Path, why: object) -> UserError:
    missing = not path.is_file()
    return UserError(
        f"{path.name!r} can't be read as a model file",
        value="no such file" if missing else why,
        rule="A model file is a complete safetensors file.",
        remedy="Check the path." if missing else "Copy or download it again: it may be truncated.",
    )
