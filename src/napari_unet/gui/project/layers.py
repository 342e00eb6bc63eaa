"""How a project describes layers, and how they are made from it again."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.layers._source import layer_source
from napari.layers.utils.stack_utils import split_channels
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap, CyclicLabelColormap

from napari_unet.core.errors import UserError
from napari_unet.gui.journal.layer_journal import in_memory
from napari_unet.gui.journal.note import colours_of
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.images import layer_array, place_of
from napari_unet.gui.layers.purpose import only_shows
from napari_unet.gui.layers.result_before import ResultBefore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_unet.services.storage.project import FileNote, LayerNote

LAYER_TYPES: dict[str, type[Layer]] = {"image": Image, "labels": Labels, "shapes": Shapes}
LOOK = ("opacity", "visible", "blending")
"""Attributes of every layer that a project keeps."""
IMAGE_LOOK = ("gamma", "rgb", "interpolation2d", "interpolation3d", "rendering")

Source = tuple[Any, dict[str, Any], str]
"""What a reader plugin returns for a layer: data, keyword arguments, type."""


def kept(layers: Iterable[Layer]) -> Iterator[tuple[LayerNote, Any]]:
    """Yield the layers that a project keeps: the note of each, and its pixels if it has any."""
    for layer in map(real, layers):
        if type(layer) in LAYER_TYPES.values() and not only_shows(layer):
            yield note_of_layer(layer), None if isinstance(layer, Shapes) else layer_array(layer)


def note_of_layer(layer: Any) -> LayerNote:
    """Return how a project describes a layer."""
    # it imports tifffile and what trains, which would delay the opening of the panel
    from napari_unet.services.storage.project import LayerNote

    kind = next(name for name, known in LAYER_TYPES.items() if type(layer) is known)
    pixels = None if kind == "shapes" else layer_array(layer)
    looks = {"image": _of_image, "labels": _of_labels, "shapes": _of_shapes}
    return LayerNote(
        id=str(layer.unique_id),
        kind=kind,
        name=layer.name,
        shape=() if pixels is None else tuple(int(n) for n in pixels.shape),
        dtype="" if pixels is None else np.dtype(pixels.dtype).name,
        file=_file(layer),
        look={**place_of(layer), **{key: _plain(getattr(layer, key)) for key in LOOK}}
        | looks[kind](layer),
        metadata=_metadata(layer),
    )


def _file(layer: Any) -> FileNote | None:
    """Return the file of a layer; None for labels in memory, which may have been painted on since."""
    from napari_unet.services.storage.project import FileNote

    path = layer.source.path
    if not path or isinstance(layer, Shapes) or (isinstance(layer, Labels) and in_memory(layer)):
        return None
    return FileNote(path=str(path), reader=layer.source.reader_plugin or "")


def _of_image(layer: Image) -> dict[str, Any]:
    colours = layer.colormap
    known = colours.name in AVAILABLE_COLORMAPS
    table = {"colors": colours.colors.tolist(), "controls": colours.controls.tolist()}
    return {
        **{key: _plain(getattr(layer, key)) for key in IMAGE_LOOK},
        "contrast_limits": [float(x) for x in layer.contrast_limits],
        "colormap": colours.name if known else {"name": colours.name, **table},
    }


def _of_labels(layer: Labels) -> dict[str, Any]:
    table = layer.features
    features = _plain({str(name): table[name].tolist() for name in table.columns})
    return {"colours": colours_of(layer), "features": features, "contour": int(layer.contour)}


def _of_shapes(layer: Shapes) -> dict[str, Any]:
    return {
        "data": [np.asarray(shape).tolist() for shape in layer.data],
        "ndim": layer.ndim,
        "shape_type": list(map(str, layer.shape_type)),
        "edge_width": [float(width) for width in layer.edge_width],
        "edge_color": np.asarray(layer.edge_color).tolist(),
        "face_color": np.asarray(layer.face_color).tolist(),
    }


def _metadata(layer: Layer) -> dict[str, Any]:
    """Return the entries that JSON can hold; others come from a reader, and are read again."""
    entries = {}
    for key, value in layer.metadata.items():
        try:
            entries[str(key)] = _plain(value)
        except (TypeError, ValueError):
            continue
    return entries


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_as_plain))


def _as_plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, ResultBefore):
        return value.plain()
    raise TypeError(f"{type(value).__name__} can't be kept")


def read(path: Path, reader: str) -> list[Source]:
    """Read a file as *File ▸ Open* does, with the reader plugin of that time if it is installed.

    Raises
    ------
    UserError
        When it can't be read.
    """
    from napari.plugins.io import read_data_with_plugins

    data: list[Any] | None = None
    # the plugin may have been removed or renamed
    for name in dict.fromkeys((reader or None, None)):
        try:
            data, _ = read_data_with_plugins([str(path)], plugin=name)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            problem: object = error
            continue
        break
    if data is None:
        raise UserError(
            f"{path.name} can't be opened",
            value=problem,
            rule=f"It was opened by the reader {reader or 'of napari'}.",
            remedy="Install that plugin, or check whether File ▸ Open opens the file.",
        )
    sources: list[Source] = []
    for pixels, *rest in data:
        meta: dict[str, Any] = dict(rest[0]) if rest else {}
        kind = str(rest[1]) if len(rest) > 1 else "image"
        axis = meta.pop("channel_axis", None)
        if axis is None:
            sources.append((pixels, meta, kind))
        else:
            sources += split_channels(pixels, axis, **meta)
    return sources


def pick(sources: list[Source], note: LayerNote) -> Source:
    """Choose the layer that was shown among those in a file.

    Raises
    ------
    UserError
        When there is no such layer.
    """
    from napari_unet.services.storage.project import check_unchanged

    pixels = [source for source in sources if source[2].lower() in ("image", "labels")]
    alike = [source for source in pixels if _form(source[0]) == (note.shape, note.dtype)]
    if not alike:
        check_unchanged(note, *(_form(pixels[0][0]) if pixels else ((), "no image")))
    named = [source for source in alike if source[1].get("name") == note.name]
    chosen = (named or alike)[0]
    # channels without that name are taken in turn
    sources[:] = [*(source for source in sources if source is not chosen), chosen]
    return chosen


def _form(data: Any) -> tuple[tuple[int, ...], str]:
    finest = data[0] if isinstance(data, (list, tuple)) else data
    return tuple(int(n) for n in finest.shape), np.dtype(finest.dtype).name


def layer_from(note: LayerNote, source: Source | None, path: Path | None) -> Layer:
    """Return the layer; its metadata still name other layers by their former identities.

    Parameters
    ----------
    note
        How the project describes it.
    source
        What the reader returned; None for shapes.
    path
        The file it was read from; None if the pixels are stored in the project.
    """
    data, meta, kind = source or (None, {}, note.kind)
    if kind.lower() != note.kind:
        # an image that was converted to labels
        meta = {}
    look: dict[str, Any] = {**meta, **note.look, "name": note.name}
    look["metadata"] = {**meta.get("metadata", {}), **note.metadata}
    colours = look.pop("colours", None)
    if colours:
        look["colormap"] = CyclicLabelColormap(colors=colours)
    if isinstance(look.get("colormap"), dict):
        look["colormap"] = Colormap(**look["colormap"])
    contour = look.pop("contour", 0)
    if note.kind == "shapes":
        data = [np.array(shape) for shape in look.pop("data", ())]
        if not data:
            look = {k: v for k, v in look.items() if not k.startswith(("shape_", "edge_", "face_"))}
    if path is None:
        made = LAYER_TYPES[note.kind](data, **look)
    else:
        reader = None if note.file is None else note.file.reader or None
        with layer_source(path=str(path), reader_plugin=reader):
            made = LAYER_TYPES[note.kind](data, **look)
    if isinstance(made, Labels):
        made.contour = contour
    return made


def rename(layers: Mapping[str, Layer]) -> None:
    """Have the metadata of layers name each other by their new identities."""
    now = {old: str(layer.unique_id) for old, layer in layers.items()}
    for layer in layers.values():
        layer.metadata = renamed(dict(layer.metadata), now)


def renamed(value: Any, now: Mapping[str, str]) -> Any:
    """Return metadata with the identities of layers replaced."""
    if isinstance(value, dict):
        return {key: renamed(inside, now) for key, inside in value.items()}
    if isinstance(value, list):
        return [renamed(inside, now) for inside in value]
    return now.get(value, value) if isinstance(value, str) else value
