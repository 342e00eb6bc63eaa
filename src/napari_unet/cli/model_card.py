"""What a model is, on a card of at most 30 lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from napari_unet.core.graph.config import LayerGraph
from napari_unet.services.training.history import gain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.model.spec import ModelSpec

WIDTH = 98
INDENT = 16
MAX_LINES = {"description": 3, "please cite": 3}
"""Lines that an entry may take, where it is not two."""


def model_card(spec: ModelSpec, note: str = "") -> str:
    """Return what a user needs to know of a model: what it takes, gives and is; and where it is from.

    Parameters
    ----------
    spec
        The model.
    note
        What the user has noted of it.
    """
    lines: list[str] = [spec.name]
    for label, text in [("your note", note)] * bool(note) + list(_entries(spec)):
        most = MAX_LINES.get(label, 2)
        wrapped = textwrap.wrap(text, WIDTH - INDENT, max_lines=most, placeholder=" …")
        for number, line in enumerate(wrapped):
            lines.append(f"  {'' if number else label:<{INDENT - 2}}{line}")
    return "\n".join(lines)


def _entries(spec: ModelSpec) -> Iterator[tuple[str, str]]:
    config, origin = spec.config, spec.provenance
    yield "description", spec.description
    yield "axes", f"{spec.axes} ({config.ndim}-D)"
    yield "channels", _some(spec.channels)
    yield "labels", "objects" if spec.task == "objects" else _some([*spec.label_names.values()])
    yield "threshold", _thresholds(spec)
    yield "normalization", _normalization(spec.normalization)
    yield "diameter", f"{spec.diameter:g} pixels" if spec.diameter else "not known"
    size = " x ".join(f"{width:g}" for width in spec.pixel_size)
    yield "pixel size", f"{size} µm" if size else "not known"
    yield (
        "architecture",
        f"{_architecture(config)}, {config.parameters / 1e6:.2f} million parameters",
    )
    yield "origin", ", ".join(part for part in (origin.origin, origin.format) if part)
    yield "training", _training(spec)
    if origin.verified_error is not None:
        yield "verified", f"gives its own test output to within {origin.verified_error:.1e}"
    yield "license", spec.license
    yield "authors", _some(spec.authors)
    yield "please cite", "; ".join(spec.citation)


def _architecture(config: Architecture) -> str:
    if isinstance(config, LayerGraph):
        return f"{len(config.layers)} layers"
    first, last = config.encoder[0][0], config.encoder[-1][-1]
    return f"U-Net of {len(config.encoder)} levels from {first} to {last} channels"


def _some(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - 8} more" if names[8:] else ""
    return f"{', '.join(names[:8])}{more}"


def _thresholds(spec: ModelSpec) -> str:
    if spec.activation == "softmax":
        return "none: each pixel gets its most probable class"
    separation = f", separation {spec.separation:g}" if spec.task == "objects" else ""
    return f"{spec.threshold:g}{separation}"


def _normalization(how: Normalization) -> str:
    values = {
        "percentile": f" {how.low:g} to {how.high:g}",
        "linear": f", gain {_some([f'{x:g}' for x in how.gain])}, "
        f"offset {_some([f'{x:g}' for x in how.offset])}",
    }
    measured = "" if how.kind in ("linear", "divide_255") else f", measured over each {how.scope}"
    return f"{how.kind}{values.get(how.kind, '')}{measured}"


def _training(spec: ModelSpec) -> str:
    record = spec.provenance.training
    if not record:
        return ""
    count = len(record.get("images", ()))
    parts = [f"{record.get('steps', '?')} steps", f"{count} image{'' if count == 1 else 's'}"]
    result = gain(spec)
    if result is not None:
        parts.append(f"validation {result}")
    return ", ".join(parts)
