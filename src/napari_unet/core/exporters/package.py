"""bioimage.io packages of format 0.5 with a state dict, TorchScript and ONNX."""

from __future__ import annotations

import hashlib
import io
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml

from napari_unet.core.errors import UserError
from napari_unet.core.exporters import architecture
from napari_unet.core.exporters.archive import write_archive
from napari_unet.core.exporters.onnx_file import onnx_bytes
from napari_unet.core.exporters.processing import postprocessing, preprocessing
from napari_unet.core.exporters.sample import cover, documentation, run_sample, sample_image
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.onnx.protobuf import OPSET
from napari_unet.core.progress import Job, Progress
from napari_unet.version import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.exporters.credits import Credits
    from napari_unet.core.model.spec import Model, ModelSpec

FORMAT = "0.5.3"
OWN_CONFIG = "napari_unet"
"""Where a package keeps our own description of the model, below ``config``."""


def export_package(
    model: Model, path: Path, credits: Credits, *, overwrite: bool = False
) -> Job[None]:
    """Write a model as a bioimage.io package.

    Parameters
    ----------
    model
        The model.
    path
        The zip file.
    credits
        Authors, licence and citations.
    overwrite
        Whether an existing file may be replaced.

    Yields
    ------
    Progress
        After each part of the package.

    Raises
    ------
    UserError
        When nobody is named as the author, the network is no plain U-Net, or the file can't be written.
    """
    credits, spec = credits.completed(model.spec), model.spec
    if isinstance(spec.config, LayerGraph):
        raise UserError(
            "This network can't be written as a bioimage.io package",
            value=f"it was read from {spec.provenance.format}, and is no plain U-Net",
            rule="A package has the source code of the network, which here is that of a plain U-Net.",
            remedy="Export an ONNX file, or share the file that it was read from.",
        )
    yield Progress(0, 4, "Running the test image")
    halo, smallest = block_sizes(spec)
    image = sample_image(spec, smallest)
    network = plain_network(model)
    outputs = yield from run_sample(model, image)
    yield Progress(1, 4, "Writing TorchScript")
    files: dict[str, bytes] = {
        "architecture.py": Path(architecture.__file__).read_bytes(),
        "weights.pt": _state_dict(network),
        "weights-torchscript.pt": _torchscript(network, spec),
    }
    yield Progress(2, 4, "Writing ONNX")
    files["weights.onnx"] = onnx_bytes(model)
    files["test-input.npy"], files["test-output.npy"] = _npy(image), _npy(outputs)
    files["cover.png"] = cover(image, outputs)
    files["README.md"] = documentation(spec, credits).encode()
    description = _description(spec, credits, halo, smallest, files)
    files["rdf.yaml"] = yaml.safe_dump(
        description, sort_keys=False, allow_unicode=True, width=100
    ).encode()
    yield Progress(3, 4, f"Writing {path.name}")
    write_archive(files, path, overwrite=overwrite)


def block_sizes(spec: ModelSpec) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the halo, rounded up to the grid of the strides, and the smallest block around it."""
    axes = list(zip(spec.config.halo, spec.config.total_stride, strict=True))
    halo = tuple(-(-h // s) * s for h, s in axes)
    return halo, tuple(2 * h + s for h, (_, s) in zip(halo, axes, strict=True))


def plain_network(model: Model) -> architecture.UNet:
    """Return the network as the module whose file lies in the package."""
    network = architecture.UNet(**_kwargs(model.spec)).eval()
    network.load_state_dict(model.network.state_dict())
    return network


def _kwargs(spec: ModelSpec) -> dict[str, Any]:
    kwargs: dict[str, Any] = spec.config.model_dump(mode="json")
    return kwargs


def _state_dict(network: torch.nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    return buffer.getvalue()


def _torchscript(network: torch.nn.Module, spec: ModelSpec) -> bytes:
    buffer = io.BytesIO()
    # any size will do: none is kept in the program
    size = [2 * stride for stride in spec.config.total_stride]
    example = torch.zeros(1, spec.config.in_channels, *size)
    # deprecated in torch, but what deepImageJ, QuPath and ilastik run
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, buffer)
    return buffer.getvalue()


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _description(
    spec: ModelSpec,
    credits: Credits,
    halo: tuple[int, ...],
    smallest: tuple[int, ...],
    files: dict[str, bytes],
) -> dict[str, Any]:
    return {
        "type": "model",
        "format_version": FORMAT,
        "name": _safe_name(spec.name),
        "description": (spec.description or f"U-Net for {', '.join(spec.classes)}")[:1024],
        **credits.fields(),
        "tags": ["unet", "segmentation", "2d" if spec.config.ndim == 2 else "3d", "pytorch"],
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "documentation": _file("README.md", files),
        "covers": [_file("cover.png", files)],
        "inputs": [_input(spec, smallest, files)],
        "outputs": [_output(spec, halo, files)],
        "weights": _weights(spec, files),
        "config": {
            OWN_CONFIG: {"version": __version__, "spec": spec.model_dump(mode="json")},
        },
    }


def _weights(spec: ModelSpec, files: dict[str, bytes]) -> dict[str, Any]:
    """Describe the weights in their three formats."""
    torch_version = torch.__version__.partition("+")[0]
    architecture = {
        **_file("architecture.py", files),
        "callable": "UNet",
        "kwargs": _kwargs(spec),
    }
    return {
        "pytorch_state_dict": {
            **_file("weights.pt", files),
            "architecture": architecture,
            "pytorch_version": torch_version,
        },
        "torchscript": {
            **_file("weights-torchscript.pt", files),
            "parent": "pytorch_state_dict",
            "pytorch_version": torch_version,
        },
        "onnx": {
            **_file("weights.onnx", files),
            "parent": "pytorch_state_dict",
            "opset_version": OPSET,
        },
    }


def _safe_name(name: str) -> str:
    return (
        "".join(c if c.isalnum() or c in "_+- ()" else " " for c in name)[:128].strip() or "U-Net"
    )


def _file(name: str, files: dict[str, bytes]) -> dict[str, str]:
    return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}


def _space(spec: ModelSpec) -> list[dict[str, Any]]:
    axes = []
    for i, letter in enumerate(spec.axes.lower()):
        axis: dict[str, Any] = {"type": "space", "id": letter}
        if spec.pixel_size:
            # so few digits that a number of pixels times this, divided by it, is that number again: the
            # format's own check compares them exactly
            axis |= {"unit": "micrometer", "scale": float(np.float32(spec.pixel_size[i]))}
        axes.append(axis)
    return axes


def _input(spec: ModelSpec, smallest: tuple[int, ...], files: dict[str, bytes]) -> dict[str, Any]:
    space = [
        axis | {"size": {"min": low, "step": step}}
        for axis, low, step in zip(_space(spec), smallest, spec.config.total_stride, strict=True)
    ]
    channel = {"type": "channel", "id": "channel", "channel_names": _names(spec.channels)}
    return {
        "id": "image",
        "axes": [{"type": "batch", "id": "batch"}, channel, *space],
        "data": {"type": "float32"},
        "test_tensor": _file("test-input.npy", files),
        "preprocessing": preprocessing(spec.normalization, spec.axes),
    }


def _output(spec: ModelSpec, halo: tuple[int, ...], files: dict[str, bytes]) -> dict[str, Any]:
    space = [
        axis | {"size": {"tensor_id": "image", "axis_id": axis["id"]}, "halo": margin}
        for axis, margin in zip(_space(spec), halo, strict=True)
    ]
    channel = {"type": "channel", "id": "channel", "channel_names": _names(spec.classes)}
    return {
        "id": "probabilities",
        "axes": [{"type": "batch", "id": "batch"}, channel, *space],
        "data": {"type": "float32"},
        "test_tensor": _file("test-output.npy", files),
        "postprocessing": postprocessing(spec),
    }


def _names(names: tuple[str, ...]) -> list[str]:
    """Return names of channels as a package takes them: each once, none empty."""
    return [
        name if name and names.count(name) == 1 else f"channel{i}" for i, name in enumerate(names)
    ]
