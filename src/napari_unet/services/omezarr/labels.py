"""Label images as OME-Zarr: in a container of their own, or among the labels of an image."""

from __future__ import annotations

import colorsys
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import MICROMETERS
from napari_unet.services.omezarr.metadata import ome_attributes
from napari_unet.services.omezarr.pyramid import fill_level, level_steps
from napari_unet.services.omezarr.store import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import Job

Version = Literal["0.4", "0.5"]

RECORD = "napari-unet"
"""Attribute that holds what made the labels."""
MOST_LISTED = 20_000
"""More objects get no colours and properties in the metadata, which every reader reads as a whole."""


@dataclass(frozen=True)
class LabelTarget:
    """Where a label image goes.

    Attributes
    ----------
    container
        The folder.
    name
        Among the labels of the image in the container; empty: it is the image of the container.
    version
        Of OME-Zarr.
    """

    container: Path
    name: str
    version: Version

    @property
    def folder(self) -> Path:
        """The folder of the label image."""
        return self.container / "labels" / self.name if self.name else self.container


def label_target(path: str | Path, version: Version | None = None, name: str = "") -> LabelTarget:
    """Return where labels go that are to be written to a path.

    Parameters
    ----------
    path
        Of a new container, of an image's container, or of labels in one: ``image.zarr/labels/nuclei``.
    version
        Of a new container; None: 0.5. An image's container keeps its own.
    name
        What labels are called that go into an image's container whose path is given.

    Raises
    ------
    UserError
        When labels can't be written there.
    """
    place = Place.of(path)
    if place.remote or place.zipped:
        raise UserError(
            f"Labels can't be written to {place.container}",
            value="a remote container" if place.remote else "a ZIP file",
            rule="They are written into a folder of this computer.",
            remedy=f"Choose another output, such as {place.name}_labels.zarr.",
        )
    parts = place.inside.split("/") if place.inside else []
    container = Path(place.container)
    if "labels" in parts:
        at = parts.index("labels")
        if len(parts) != at + 2:
            raise UserError(
                f"Labels can't be written to {place}",
                value=place.inside,
                rule="Labels of an image are at labels/NAME in its container.",
                remedy=f"Name it {place.container}/labels/NAME.",
            )
        return _among_others(container.joinpath(*parts[:at]), parts[-1], version)
    folder = container.joinpath(*parts)
    is_image = name and "multiscales" in ome_attributes(_attributes(folder))
    return (
        _among_others(folder, name, version)
        if is_image
        else LabelTarget(folder, "", version or "0.5")
    )


def _among_others(folder: Path, name: str, version: Version | None) -> LabelTarget:
    if not folder.is_dir():
        raise UserError(
            f"There is no image at {folder}",
            value="labels/ in a container that does not exist",
            rule="Labels go into the container of an image, or into one of their own.",
            remedy="Check the spelling, or name a new container without “labels”.",
        )
    stored: Version = "0.5" if (folder / "zarr.json").is_file() else "0.4"
    if version not in (None, stored):
        raise UserError(
            f"OME-Zarr {version} can't be written into {folder.name}",
            value=f"it is OME-Zarr {stored}",
            rule="A container is of one version.",
            remedy="Leave the version out, or choose a new container.",
        )
    return LabelTarget(folder, name, stored)


def create_level(
    folder: Path,
    number: int,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    version: Version,
    chunks: Sequence[int],
    shards: Sequence[int] | None = None,
    axes: str = "",
) -> Any:
    """Create the array of a level, empty.

    Parameters
    ----------
    folder
        Of the label image.
    number
        Of the level.
    shape, dtype
        Of the array.
    version
        Of OME-Zarr; 0.4 has no shards.
    chunks, shards
        Shape of what is compressed as one, and of what is one file; None: a file for each chunk.
    axes
        A letter for each.
    """
    import zarr

    chunks = tuple(min(c, max(n, 1)) for c, n in zip(chunks, shape, strict=True))
    if version == "0.4":
        return zarr.create_array(
            str(folder),
            name=str(number),
            shape=tuple(shape),
            dtype=dtype,
            chunks=chunks,
            zarr_format=2,
            chunk_key_encoding={"name": "v2", "separator": "/"},
            fill_value=0,
            overwrite=True,
        )
    return zarr.create_array(
        str(folder),
        name=str(number),
        shape=tuple(shape),
        dtype=dtype,
        chunks=chunks,
        shards=None if shards is None else tuple(shards),
        zarr_format=3,
        compressors=zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
        dimension_names=[a.lower() for a in axes] or None,
        fill_value=0,
        overwrite=True,
    )


def complete_labels(
    folder: Path,
    first: Any,
    image: Image,
    axes: str,
    target: LabelTarget,
    *,
    made_by: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, Any]] = (),
    source: str = "",
) -> Job[None]:
    """Add the smaller levels and the metadata to a label image whose first level is written.

    Parameters
    ----------
    folder
        Where it is being written.
    first
        Array of its first level.
    image
        The image it belongs to.
    axes
        Of the labels.
    target
        Where it will be.
    made_by
        What made it.
    properties
        Of each object, with its ``label-value``.
    source
        Path of the image from the label image; empty: not known.
    """
    import zarr

    steps = level_steps(axes, first.shape, image.scale)
    finer = first
    for number, step in enumerate(steps[1:], 1):
        before = steps[number - 1]
        by = [step[a] // before[a] for a in axes]
        shape = [-(-n // b) for n, b in zip(finer.shape, by, strict=True)]
        window = tuple(min(w, n) for w, n in zip(_window(first), shape, strict=True))
        coarser = create_level(
            folder, number, shape, first.dtype, target.version, first.chunks, axes=axes
        )
        yield from fill_level(finer, coarser, by, window)
        finer = coarser
    group = zarr.open_group(str(folder), mode="a", zarr_format=2 if target.version == "0.4" else 3)
    described = _description(image, axes, steps, target, properties, source)
    if target.version == "0.4":
        group.attrs.update(described)
    else:
        group.attrs["ome"] = {"version": "0.5", **described}
    if made_by is not None:
        group.attrs[RECORD] = dict(made_by)


def _window(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shards", None) or [2 * c for c in array.chunks])


def _description(
    image: Image,
    axes: str,
    steps: Sequence[Mapping[str, int]],
    target: LabelTarget,
    properties: Sequence[Mapping[str, Any]],
    source: str,
) -> dict[str, Any]:
    known = image.unit.lower() in MICROMETERS
    described = []
    for a in axes:
        entry: dict[str, Any] = {"name": a.lower()}
        if a in "ZYX":
            entry["type"] = "space"
            if known:
                entry["unit"] = image.unit.lower()
        elif a == "T":
            entry["type"] = "time"
            if "T" in image.scale:
                entry["unit"] = "second"
        described.append(entry)
    datasets = []
    for number, step in enumerate(steps):
        scale = [float(image.scale.get(a, 1.0)) * step[a] for a in axes]
        transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if any(image.offset.get(a) for a in axes):
            offset = [float(image.offset.get(a, 0.0)) for a in axes]
            transforms.append({"type": "translation", "translation": offset})
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    multiscale: dict[str, Any] = {
        "name": target.name or Place.of(target.container).name,
        "axes": described,
        "datasets": datasets,
        "type": "nearest",
    }
    label: dict[str, Any] = {}
    if properties and len(properties) <= MOST_LISTED:
        numbers = [int(p["label-value"]) for p in properties]
        label["colors"] = [{"label-value": n, "rgba": _colour(n)} for n in numbers]
        if properties and len(properties[0]) > 1:
            label["properties"] = [dict(p) for p in properties]
    if source:
        label["source"] = {"image": source}
    if target.version == "0.4":
        multiscale["version"] = label["version"] = "0.4"
    return {"multiscales": [multiscale], "image-label": label}


def _colour(number: int) -> list[int]:
    """Return a colour that differs much from those of the numbers near by."""
    hue = number * 0.6180339887 % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.6 + 0.4 * (number % 2), 0.95)
    return [round(255 * red), round(255 * green), round(255 * blue), 255]


def publish(folder: Path, target: LabelTarget, *, overwrite: bool) -> None:
    """Move a complete label image to where it belongs, and list it there.

    Raises
    ------
    UserError
        When there is one already that may not be replaced.
    """
    check_free_target(target, overwrite)
    final = target.folder
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    folder.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    if target.name:
        _list(target)


def check_free_target(target: LabelTarget, overwrite: bool) -> None:
    """Raise a `UserError` when there are labels already that may not be replaced."""
    folder = target.folder
    if not folder.exists():
        return
    holds = ome_attributes(_attributes(folder))
    ours = "image-label" in holds
    if overwrite and ours:
        return
    allow = ", or allow it by `overwrite=True`" if ours else "; an image's labels go to labels/NAME"
    raise UserError(
        f"{folder} already exists",
        value="overwriting is off" if ours else "it holds no labels, but something else",
        rule="Labels are overwritten only on request, images never.",
        remedy=f"Choose another name{allow}.",
    )


def _list(target: LabelTarget) -> None:
    """Name the label image in the group of labels."""
    import zarr

    form = 2 if target.version == "0.4" else 3
    group = zarr.open_group(str(target.container / "labels"), mode="a", zarr_format=form)
    attributes = dict(group.attrs)
    names = list(ome_attributes(attributes).get("labels", []))
    if target.name in names:
        return
    names.append(target.name)
    if form == 2:
        group.attrs["labels"] = names
    else:
        group.attrs["ome"] = {**attributes.get("ome", {}), "version": "0.5", "labels": names}


def _attributes(folder: Path) -> dict[str, Any]:
    import zarr

    if not folder.is_dir():
        return {}
    try:
        return dict(zarr.open(str(folder), mode="r").attrs)
    except Exception:  # noqa: BLE001 - no container of zarr at all
        return {}
