"""OME-Zarr images written with no program's help."""

from __future__ import annotations

import numpy as np
import zarr


def pixels():
    return (np.arange(2 * 3 * 16 * 20).reshape(2, 3, 16, 20) % 251).astype(np.uint16)


def container(path, data, axes, version="0.5", **more):
    """Write an image with one level, with no program's help."""
    root = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    chunks = [max(8, data.shape[-1] // 2)] * data.ndim
    named = version != "0.4" and len(axes) == data.ndim
    names = {"dimension_names": list(axes)} if named else {}
    array = root.create_array("s0", shape=data.shape, dtype=data.dtype, chunks=chunks, **names)
    array[...] = data
    kinds = {"t": "time", "c": "channel"}
    listed = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    scale = more.pop("scale", [1.0] * len(axes))
    transforms = [{"type": "scale", "scale": scale}]
    datasets = [{"path": "s0", "coordinateTransformations": transforms}]
    ome = {"multiscales": [{"axes": listed, "datasets": datasets}], **more}
    root.attrs.update(ome if version == "0.4" else {"ome": {"version": version, **ome}})
    return path
