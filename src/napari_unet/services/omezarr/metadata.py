"""What the metadata of an OME-Zarr image say: axes, levels, channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import MICROMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS = {
    **dict.fromkeys(["second", "seconds", "s"], 1.0),
    **dict.fromkeys(["millisecond", "milliseconds", "ms"], 1e-3),
    **dict.fromkeys(["microsecond", "microseconds"], 1e-6),
    **dict.fromkeys(["minute", "minutes", "min"], 60.0),
    **dict.fromkeys(["hour", "hours", "h"], 3600.0),
}
"""Length of a unit of time in seconds, by its name in lower case."""


@dataclass(frozen=True)
class Level:
    """A level of a pyramid.

    Attributes
    ----------
    path
        Of its array, in the group of the image.
    scale, translation
        For each axis, in its unit.
    """

    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]


@dataclass(frozen=True)
class Multiscale:
    """An image of several levels.

    Attributes
    ----------
    axes
        A letter for each axis, as in `Image`.
    units
        Name of the unit of each axis in lower case; empty where not stated.
    levels
        The largest first.
    version
        Of the format.
    """

    axes: str
    units: tuple[str, ...]
    levels: tuple[Level, ...]
    version: str

    def scale_of(self, level: int) -> tuple[dict[str, float], str]:
        """Return the step along each axis of a level, and the unit of those in space."""
        steps = dict(zip(self.axes, self.levels[level].scale, strict=True))
        units = dict(zip(self.axes, self.units, strict=True))
        spatial = [a for a in "ZYX" if a in steps]
        scale = {a: steps[a] for a in spatial}
        unit = "pixel"
        if all(units[a] in MICROMETERS for a in spatial):
            scale = {a: steps[a] * MICROMETERS[units[a]] for a in spatial}
            unit = "micrometer"
        if "T" in steps and units["T"] in SECONDS:
            scale["T"] = steps["T"] * SECONDS[units["T"]]
        return scale, unit

    def offset_of(self, level: int) -> dict[str, float]:
        """Return where a level begins along each axis, in the units of `scale_of`."""
        scale, _ = self.scale_of(level)
        steps = self.levels[level].scale
        return {
            a: offset * scale.get(a, step) / step if step else 0.0
            for a, offset, step in zip(
                self.axes, self.levels[level].translation, steps, strict=True
            )
        }


@dataclass(frozen=True)
class Channel:
    """How a channel is called and shown: name, colour as ``#rrggbb``, and contrast limits."""

    name: str = ""
    colour: str = ""
    limits: tuple[float, float] | None = None


def ome_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that OME-Zarr defines, wherever the version has them."""
    ome = attributes.get("ome")
    return dict(ome) if isinstance(ome, dict) else dict(attributes)


def multiscale_of(attributes: Mapping[str, Any], name: str, ndim: int | None) -> Multiscale:
    """Read the description of an image.

    Parameters
    ----------
    attributes
        Those of the group.
    name
        Name of the image, for messages.
    ndim
        Axes of its arrays, where they are known.

    Raises
    ------
    UserError
        When there is none, or it makes no sense.
    """
    ome = ome_attributes(attributes)
    try:
        found = ome["multiscales"][0]
        datasets = found["datasets"]
        raw_axes = found.get("axes")
        axes, units = _axes(raw_axes, ndim if raw_axes is None else len(raw_axes))
        common = _transform(found.get("coordinateTransformations"), len(axes))
        levels = tuple(
            _level(str(each["path"]), each.get("coordinateTransformations"), common, len(axes))
            for each in datasets
        )
        version = str(ome.get("version") or found.get("version") or "0.4")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise no_image(name, f"{type(error).__name__}: {error}", attributes) from error
    if not levels:
        raise no_image(name, "no datasets", attributes)
    return Multiscale(axes, units, levels, version)


def no_image(name: str, cause: str, attributes: Mapping[str, Any]) -> UserError:
    """Return the error for a group that describes no image."""
    ome = ome_attributes(attributes)
    if "multiscales" not in ome:
        cause = f"it has {', '.join(sorted(ome)[:6])}" if ome else "it has no attributes"
    return UserError(
        f"{name} is no OME-Zarr image",
        value=cause,
        rule="The attributes of an image have “multiscales”, with “axes” and “datasets”, "
        "as OME-Zarr 0.4 and 0.5 define them.",
        remedy="Choose an image inside the container, or write it again as OME-Zarr.",
    )


def channels_of(attributes: Mapping[str, Any], n: int) -> tuple[Channel, ...]:
    """Return how channels are called and shown; empty where that is not stated for all of them."""
    omero = ome_attributes(attributes).get("omero")
    listed = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(listed, list) or len(listed) != n:
        return ()
    return tuple(_channel(each if isinstance(each, dict) else {}) for each in listed)


def _channel(stated: Mapping[str, Any]) -> Channel:
    colour = str(stated.get("color", "")).lstrip("#")[:6]
    window = stated.get("window")
    limits = None
    if isinstance(window, dict):
        low, high = (_number(window.get(end)) for end in ("start", "end"))
        limits = (low, high) if low < high else None
    valid = len(colour) == 6 and all(c in "0123456789abcdefABCDEF" for c in colour)
    return Channel(str(stated.get("label", "")), f"#{colour}" if valid else "", limits)


def _number(stated: Any) -> float:
    return float(stated) if isinstance(stated, int | float) and math.isfinite(stated) else math.nan


def _axes(stated: Sequence[Any] | None, ndim: int | None) -> tuple[str, tuple[str, ...]]:
    """Return letters and units; versions before 0.3 name no axes."""
    if stated is None:
        letters = "TCZYX"[-(ndim or 5) :]
        return letters, ("",) * len(letters)
    letters, units = "", []
    for axis in stated:
        entry = axis if isinstance(axis, dict) else {"name": axis}
        letters += _letter(str(entry["name"]), str(entry.get("type") or ""), letters)
        units.append(str(entry.get("unit") or "").lower())
    return letters, tuple(units)


def _letter(name: str, kind: str, taken: str) -> str:
    known = {"time": "T", "channel": "C"}.get(kind)
    wanted = known or name[:1].upper()
    if wanted not in taken and wanted.isascii() and wanted.isalpha():
        return wanted
    return next(a for a in "QPRWVUABDEFGHIJKLMNO" if a not in taken)


def _transform(stated: Any, n: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return scale and translation of a list of transformations."""
    scale, translation = (1.0,) * n, (0.0,) * n
    for each in stated or ():
        if each.get("type") == "scale":
            scale = tuple(float(s) for s in each["scale"])
        elif each.get("type") == "translation":
            translation = tuple(float(s) for s in each["translation"])
    if len(scale) != n or len(translation) != n:
        raise ValueError(f"{n} axes, but {len(scale)} scales and {len(translation)} translations")
    return scale, translation


def _level(
    path: str, stated: Any, common: tuple[tuple[float, ...], tuple[float, ...]], n: int
) -> Level:
    scale, translation = _transform(stated, n)
    outer, shift = common
    return Level(
        path,
        tuple(a * b for a, b in zip(scale, outer, strict=True)),
        tuple(t * o + s for t, o, s in zip(translation, outer, shift, strict=True)),
    )
