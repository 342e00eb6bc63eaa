"""Packages for ZEISS ZEN and arivis: an ONNX file that takes pixels and gives classes, and what it is.

The format is described at https://pypi.org/project/czmodel.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from napari_unet.core.exporters.archive import write_archive
from napari_unet.core.exporters.czann_graph import classes_of, pixels_to_classes
from napari_unet.core.exporters.package import block_sizes
from napari_unet.core.model.file import weights_hash

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.exporters.credits import Credits
    from napari_unet.core.model.spec import Model, ModelSpec

FORMAT = "2.1.0"
SIDES = {2: (1024, 1024), 3: (32, 256, 256)}
"""Shape of the tiles that ZEN cuts, unless a network needs larger ones, by number of dimensions."""
METRES = 1e-6
"""In a micrometre."""


def export_czann(model: Model, path: Path, credits: Credits, *, overwrite: bool = False) -> None:
    """Write a model as a package for ZEISS ZEN and arivis.

    The package gives a class for each pixel. Of networks for objects these are the background, the
    boundaries of objects and their interiors.

    Parameters
    ----------
    model
        The model.
    path
        The file.
    credits
        Authors, licence and citations, for a text in the package.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    shape = tile_shape(model.spec)
    files: dict[str, bytes | str] = {
        "model.json": json.dumps(_description(model, shape), indent=1),
        "model.model": pixels_to_classes(model, shape),
        "license.txt": _terms(model.spec, credits),
    }
    write_archive(files, path, overwrite=overwrite)


def tile_shape(spec: ModelSpec) -> tuple[int, ...]:
    """Return the spatial shape of a tile: a multiple of the strides with room for twice the halo."""
    smallest = block_sizes(spec)[1]
    return tuple(
        -(-max(side, least) // stride) * stride
        for side, least, stride in zip(
            SIDES[spec.config.ndim], smallest, spec.config.total_stride, strict=True
        )
    )


def _description(model: Model, shape: tuple[int, ...]) -> dict[str, Any]:
    spec, names = model.spec, classes_of(model.spec)
    description: dict[str, Any] = {
        "FormatVersion": FORMAT,
        # the same for the same weights
        "Id": str(uuid.UUID(weights_hash(model.network.state_dict())[:32])),
        "Type": "SingleClassSemanticSegmentation",
        "MinOverlap": [2 * halo for halo in block_sizes(spec)[0]],
        "Classes": list(names),
        "ModelName": spec.name,
        "InputShape": [*shape, spec.config.in_channels],
        "OutputShape": [*shape, len(names)],
    }
    if spec.pixel_size:
        description["Scaling"] = [size * METRES for size in reversed(spec.pixel_size)]
    return description


def _terms(spec: ModelSpec, credits: Credits) -> str:
    lines = [
        f"{spec.name}: {spec.description}".rstrip(": "),
        f"Licence: {credits.license or spec.license or 'not stated'}",
    ]
    if authors := credits.authors or spec.authors:
        lines.append(f"Authors: {', '.join(authors)}")
    lines += [f"Please cite: {text}" for text in credits.citations or spec.citation]
    return "\n".join(lines) + "\n"
