"""Plain ONNX files, with what others need to know about the network in their metadata."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_unet.core.atomic import atomic_path
from napari_unet.core.onnx.network import to_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model


def onnx_bytes(model: Model) -> bytes:
    """Return a network as an ONNX file; its output are logits, before the model's activation."""
    spec = model.spec
    facts = {
        "axes": f"BC{spec.axes}",
        "channels": list(spec.channels),
        "classes": list(spec.classes),
        "activation": spec.activation,
        "normalization": spec.normalization.model_dump(mode="json"),
        "total_stride": list(spec.config.total_stride),
        "halo": list(spec.config.halo),
    }
    metadata = {"name": spec.name, "u_net_studio": json.dumps(facts)}
    return to_onnx(model.network, metadata=metadata)


def export_onnx(model: Model, path: Path, *, overwrite: bool = False) -> None:
    """Write a network as an ONNX file.

    Parameters
    ----------
    model
        The model.
    path
        The file.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    with atomic_path(path, replace=overwrite) as temporary:
        temporary.write_bytes(onnx_bytes(model))
