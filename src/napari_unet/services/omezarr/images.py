"""Images in Zarr containers, read window by window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image, check_axes, guess_axes
from napari_unet.services.omezarr.metadata import (
    Channel,
    Multiscale,
    channels_of,
    multiscale_of,
    no_image,
    ome_attributes,
)
from napari_unet.services.omezarr.store import Place, explained, open_node

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

OPTIONAL = "TCZ"
"""Axes that are left out where they have length 1: many writers always write them."""


class ZarrArray:
    """An array of a container, without the axes that have length 1 and are left out.

    Parameters
    ----------
    array
        The array of zarr.
    keep
        For each axis, whether it is kept.
    place
        For messages.
    """

    def __init__(self, array: Any, keep: Sequence[bool], place: Place) -> None:
        self._array, self._keep, self._place = array, tuple(keep), place
        pairs = zip(array.shape, self._keep, strict=True)
        self.shape = tuple(int(n) for n, kept in pairs if kept)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.ndim = len(self.shape)
        self.chunks = tuple(n for n, kept in zip(array.chunks, self._keep, strict=True) if kept)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(k is Ellipsis for k in keys):
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        given = iter(keys)
        full = tuple(next(given) if kept else 0 for kept in self._keep)
        with explained(self._place):
            return np.asarray(self._array[full], self.dtype)


@dataclass(frozen=True, eq=False)
class ZarrImage:
    """An OME-Zarr image.

    Attributes
    ----------
    place
        Where it is.
    multiscale
        Its axes and levels.
    arrays
        Of each level.
    channels
        How they are called and shown; empty where that is not stated.
    attributes
        All attributes of the group.
    """

    place: Place
    multiscale: Multiscale
    arrays: tuple[Any, ...]
    channels: tuple[Channel, ...]
    attributes: dict[str, Any]

    @property
    def holds_labels(self) -> bool:
        """Whether its numbers are labels."""
        return "image-label" in ome_attributes(self.attributes)

    def image(self, level: int = 0, axes: str | None = None) -> Image:
        """Return a level as an image; its pixels are read later.

        Parameters
        ----------
        level
            Its number, 0 for the largest.
        axes
            A letter for each axis of the array, in place of what is stated.

        Raises
        ------
        UserError
            When there is no such level, or the axes don't fit.
        """
        if not 0 <= level < len(self.arrays):
            raise UserError(
                f"{self.place} has no level {level}",
                value=f"{len(self.arrays)} level(s)",
                rule="Levels are counted from 0, the largest.",
                remedy="Choose one that the image has.",
            )
        array, letters = self.arrays[level], axes or self.multiscale.axes
        check_axes(letters, array.shape)
        pairs = zip(letters, array.shape, strict=True)
        keep = [axes is not None or n > 1 or a not in OPTIONAL for a, n in pairs]
        kept = "".join(a for a, k in zip(letters, keep, strict=True) if k)
        scale, unit = self.multiscale.scale_of(level)
        image = Image(
            ZarrArray(array, keep, self.place),
            kept,
            {a: s for a, s in scale.items() if a in kept},
            unit,
            self.place.name,
            notes=tuple(self._notes(level)),
            offset={a: d for a, d in self.multiscale.offset_of(level).items() if a in kept and d},
        )
        names = tuple(channel.name for channel in self.channels)
        distinct = len(names) == image.n_channels > 1 and len(set(names) - {""}) == len(names)
        colours = tuple(channel.colour for channel in self.channels)
        return replace(
            image,
            channel_names=names if distinct else (),
            channel_colours=colours if all(colours) else (),
        )

    def _notes(self, level: int) -> list[str]:
        notes = []
        order = [a for a in self.multiscale.axes if a in "TCZYX"]
        if order != [a for a in "TCZYX" if a in order]:
            notes.append(f"{self.place.name}: its axes are stored as {self.multiscale.axes}.")
        if missing := _missing_chunks(self.arrays[level], self.place):
            array = self.arrays[level]
            notes.append(
                f"{self.place.name}: {missing:,} of {array.nchunks:,} chunks are not in the container; "
                f"their pixels are read as {array.fill_value}."
            )
        return notes


def open_zarr(path: str | Path, series: int | None = None) -> ZarrImage:
    """Open an image of a container.

    Parameters
    ----------
    path
        The container, a group in it, or one of the arrays.
    series
        Which image, if it holds several; None: there must be only one.

    Raises
    ------
    UserError
        When it can't be read, is no image, or holds several of which none is chosen.
    """
    places = image_places(path)
    if series is None and len(places) > 1:
        raise UserError(
            f"{Place.of(path)} holds several images",
            value=", ".join(p.inside for p in places[:8]) + (" …" if len(places) > 8 else ""),
            rule="None of them is left out without a word.",
            remedy="Choose one by `series=0`, or by its path; “segment” takes them all.",
        )
    if not 0 <= (series or 0) < len(places):
        raise UserError(
            f"{Place.of(path)} has no image number {series}",
            value=f"{len(places)} image(s)",
            rule="The images of a container are numbered from 0.",
            remedy="Choose an image that it has.",
        )
    return _opened(places[series or 0])


def image_places(path: str | Path) -> list[Place]:
    """Return where the images of a container are: one, several series, or the fields of a plate.

    Raises
    ------
    UserError
        When it can't be read.
    """
    import zarr

    place = Place.of(path)
    node = open_node(place)
    if isinstance(node, zarr.Array):
        return [place]
    attributes = dict(node.attrs)
    ome = ome_attributes(attributes)
    if "plate" in ome:
        return _fields(place, ome["plate"])
    if "well" in ome:
        return _below(place, [str(each["path"]) for each in ome["well"].get("images", [])])
    if "bioformats2raw.layout" in ome and "multiscales" not in ome:
        numbers = sorted(int(k) for k in node.group_keys() if k.isdigit())
        return _below(place, list(map(str, numbers)))
    return [place]


def label_places(image: Place) -> list[Place]:
    """Return where the labels of an image are; those that can't be found are left out."""
    outer = _below(image, ["labels"])[0]
    try:
        names = ome_attributes(dict(open_node(outer).attrs)).get("labels", [])
    except UserError:
        return []
    return _below(outer, [str(name) for name in names]) if isinstance(names, list) else []


def _fields(place: Place, plate: Any) -> list[Place]:
    """Return the fields of all wells of a plate."""
    found: list[Place] = []
    for well in plate.get("wells", []) if isinstance(plate, dict) else []:
        found += image_places(str(_below(place, [str(well["path"])])[0]))
    return found


def _below(place: Place, paths: Sequence[str]) -> list[Place]:
    return [Place(place.container, f"{place.inside}/{path}".strip("/")) for path in paths]


def _opened(place: Place) -> ZarrImage:
    import zarr

    node = open_node(place)
    if isinstance(node, zarr.Array):
        return _of_array(place, node)
    attributes = dict(node.attrs)
    first = next((array for _, array in node.arrays()), None)
    ndim = None if first is None else first.ndim
    multiscale = multiscale_of(attributes, str(place), ndim)
    with explained(place):
        arrays = tuple(node[level.path] for level in multiscale.levels)
    wrong = [array for array in arrays if array.ndim != len(multiscale.axes)]
    if wrong:
        cause = f"axes {multiscale.axes} for an array of shape {wrong[0].shape}"
        raise no_image(str(place), cause, attributes)
    return _with_channels(place, multiscale, arrays, attributes)


def _with_channels(
    place: Place, multiscale: Multiscale, arrays: tuple[Any, ...], attributes: dict[str, Any]
) -> ZarrImage:
    sizes = dict(zip(multiscale.axes, arrays[0].shape, strict=True))
    channels = channels_of(attributes, sizes.get("C", 1))
    return ZarrImage(place, multiscale, arrays, channels, attributes)


def _of_array(place: Place, array: Any) -> ZarrImage:
    """Describe an array by the image that it is a level of; else by its own names of dimensions."""
    parent, _, name = place.inside.rpartition("/")
    if name:
        outer = Place(place.container, parent)
        attributes = dict(open_node(outer).attrs)
        if "multiscales" in ome_attributes(attributes):
            whole = multiscale_of(attributes, str(outer), array.ndim)
            levels = tuple(level for level in whole.levels if level.path == name)
            if levels:
                return _with_channels(place, replace(whole, levels=levels), (array,), attributes)
    names = getattr(array.metadata, "dimension_names", None) or ()
    letters = "".join(str(n)[:1].upper() for n in names if n)
    if len(letters) != array.ndim or len(set(letters)) != array.ndim:
        letters = guess_axes(array.shape)
    axes = [{"name": a.lower()} for a in letters]
    attributes = {"multiscales": [{"axes": axes, "datasets": [{"path": name}]}]}
    multiscale = multiscale_of(attributes, str(place), array.ndim)
    return ZarrImage(place, multiscale, (array,), (), attributes)


def _missing_chunks(array: Any, place: Place) -> int:
    """Count the chunks that are not stored; 0 where that can't be told quickly."""
    if place.remote:
        return 0
    try:
        return int(array.nchunks) - int(array.nchunks_initialized)
    except Exception:  # noqa: BLE001 - it is only for a note
        return 0
