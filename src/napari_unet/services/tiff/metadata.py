"""What a TIFF file states about its axes: letters, voxel size, unit and channel names."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_unet.core.image.axes import MICROMETERS, may_end_in_channels
from napari_unet.services.tiff.microscopes import lsm_calibration, lsm_channels, stk_calibration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Scale = dict[str, float]

SECONDS = {
    **dict.fromkeys(["s", "sec", "second", "seconds"], 1.0),
    **dict.fromkeys(["ms", "msec", "millisecond", "milliseconds"], 1e-3),
    **dict.fromkeys(["µs", "μs", "us", "microsecond"], 1e-6),
    **dict.fromkeys(["min", "minute", "minutes"], 60.0),
    **dict.fromkeys(["h", "hour", "hours"], 3600.0),
    **dict.fromkeys(["d", "day", "days"], 86400.0),
}
"""Length of a unit of time in seconds."""

LARGEST_PIXEL = 20.0
"""In micrometers. A resolution tag alone that states a larger one is meant for printing."""

PRINTED_UNITS = ("in", "inch", "inches", "cm", "centimeter", "centimetre")
"""Units that programs fill in where an image states how large to print it."""

DOTS_PER_INCH = (
    *(72, 75, 90, 96, 100, 120, 144, 150, 180, 192, 200, 203, 220, 240, 254, 300, 350, 360, 400),
    *(450, 600, 720, 800, 900, 1200, 1270, 1440, 1600, 1800, 2400, 2540, 2880, 3200, 4000, 4800),
    *(5760, 6400, 9600),
)
"""Resolutions of screens, printers and scanners of paper."""

SPARE_LETTERS = "QPRWVUABDEFGHIJKLMNO"


def legal_axes(axes: str) -> str:
    """Give each axis a capital letter of its own; the first of equal letters stays."""
    spare = (a for a in SPARE_LETTERS if a not in axes)
    letters = ""
    for a in axes:
        letters += a if re.fullmatch("[A-Z]", a) and a not in letters else next(spare)
    return letters


def axes_of(series: Any) -> str:
    """Return the axes of a series: those stated, else a guess in which few last pixels are channels."""
    axes, shape = str(series.axes), tuple(series.shape)
    if set(axes[-3:]) <= set("QIYX") and "Q" in axes and may_end_in_channels(shape):
        # tifffile names what nobody stated Q, and takes the last two axes for Y and X
        axes = axes[:-3] + "YXC"
    return legal_axes(axes)


def calibration(file: Any, series: int) -> tuple[Scale, str]:
    """Return the voxel size and the unit of a series of an open ``tifffile.TiffFile``.

    Returns
    -------
    scale : dict of str to float
        For some of ``T`` (seconds), ``Z``, ``Y`` and ``X``; empty if the file states nothing that can
        be trusted.
    unit : str
        ``"micrometer"``, whatever unit of length the file uses, or ``"pixel"``.
    """
    image = _ome_image(file, series)
    if image is not None:
        return _from_ome(image)
    if file.is_lsm:
        return lsm_calibration(file.lsm_metadata or {})
    if file.is_stk:
        return stk_calibration(_stk_metadata(file))
    page = file.series[series].keyframe
    metadata = file.imagej_metadata or _json(file, series)
    if "SCIFIO" in metadata:
        return _from_scifio(metadata)
    per_unit = {"X": _resolution(page, "XResolution"), "Y": _resolution(page, "YResolution")}
    return _from_tags(per_unit, metadata, _text(page, "ResolutionUnit"))


def _stk_metadata(file: Any) -> Mapping[str, Any]:
    """Return what a stack of MetaMorph says of itself; nothing where its tags are cut short."""
    try:
        return file.stk_metadata or {}
    except (TypeError, KeyError, ValueError, IndexError):
        return {}


def channel_names(file: Any, series: int, n: int) -> tuple[str, ...]:
    """Return the names of the `n` channels of a series; empty unless each has one."""
    image = _ome_image(file, series)
    if image is not None:
        names = [c.get("Name") or "" for c in image.iter() if c.tag.endswith("}Channel")]
    elif file.is_lsm:
        names = lsm_channels(file.lsm_metadata or {})[0]
    elif file.imagej_metadata and n > 1:
        # a label for each plane, channels running fastest; other labels name slices
        labels = [str(x) for x in _list(file.imagej_metadata.get("Labels"))]
        names = labels[:n] if labels == labels[:n] * (len(labels) // n) else []
    else:
        names = [str(x) for x in _list(_json(file, series).get("channel_names"))]
    return tuple(names) if len(names) == n and all(names) else ()


def channel_colours(file: Any, series: int, n: int) -> tuple[str, ...]:
    """Return the colours of the `n` channels of a series, as ``#rrggbb``; empty unless each has one."""
    image = _ome_image(file, series)
    colours: list[Any] = []
    if image is not None:
        stated = [c.get("Color") for c in image.iter() if c.tag.endswith("}Channel")]
        # a signed number of 32 bits: red, green, blue and opacity
        colours = [(int(c) & 0xFFFFFFFF) >> 8 for c in stated if c and _is_whole(c)]
    elif file.is_lsm:
        colours = [r << 16 | g << 8 | b for r, g, b in lsm_channels(file.lsm_metadata or {})[1]]
    elif file.imagej_metadata:
        # a table for each channel, of which the last entry is the brightest
        tables = [np.asarray(table) for table in _list(file.imagej_metadata.get("LUTs"))]
        fit = [table for table in tables if table.ndim == 2 and len(table) == 3 and table.size]
        colours = [int(r) << 16 | int(g) << 8 | int(b) for r, g, b in (t[:, -1] for t in fit)]
    return tuple(f"#{c:06x}" for c in colours) if len(colours) == n and all(colours) else ()


def nodata_value(page: Any) -> float | None:
    """Return the value of pixels without data, as GDAL and GIS programs state it; None if not stated."""
    stated = page.tags.valueof("GDAL_NODATA")
    try:
        return None if stated is None else float(str(stated).strip().rstrip("\0"))
    except ValueError:
        return None


def _ome_image(file: Any, series: int) -> ElementTree.Element | None:
    if not file.is_ome or file.series[series].kind != "ome":
        return None
    root = ElementTree.fromstring(file.ome_metadata)
    images = [x for x in root if x.tag.endswith("}Image")]
    return images[series] if series < len(images) else None


def _from_ome(image: ElementTree.Element) -> tuple[Scale, str]:
    pixels = next(x for x in image if x.tag.endswith("}Pixels"))
    scale: Scale = {}
    unit = "pixel"
    for a in "ZYX":
        size = _positive(pixels.get(f"PhysicalSize{a}"))
        name = pixels.get(f"PhysicalSize{a}Unit", "µm").lower()
        if size and name in MICROMETERS:
            scale[a], unit = size * MICROMETERS[name], "micrometer"
        elif size and name == "pixel":
            scale[a] = size
    if unit == "micrometer" and _is_printed(scale.get(a) for a in "YX"):
        # converters take a resolution for printing for the pixel size
        scale, unit = {}, "pixel"
    step = _positive(pixels.get("TimeIncrement"))
    factor = SECONDS.get(pixels.get("TimeIncrementUnit", "s").lower())
    if step and factor:
        scale["T"] = step * factor
    return scale, unit


def _from_tags(
    per_unit: Mapping[str, float | None], metadata: Mapping[str, Any], resolution_unit: str
) -> tuple[Scale, str]:
    """Combine the resolution tags, in pixels per unit, with the text of ImageJ or tifffile."""
    scale: Scale = {a: 1 / n for a, n in per_unit.items() if n}
    name = str(metadata.get("unit", "")).lower()
    factor = MICROMETERS.get(name or resolution_unit)
    spacing = _positive(metadata.get("spacing"))
    if factor is not None:
        lengths = [size * factor for size in scale.values()]
        large = max(lengths, default=0) > LARGEST_PIXEL
        if (large and (not name or name in PRINTED_UNITS)) or _is_printed(
            lengths, always=name in ("", *PRINTED_UNITS)
        ):
            factor = None
            spacing = None if name else spacing
    if factor is None and name not in ("pixel", "pixels"):
        scale = {}
    if spacing:
        scale["Z"] = spacing
    if factor is not None:
        scale = {a: size * factor for a, size in scale.items()}
    unit = "micrometer" if factor is not None and scale else "pixel"
    interval = _positive(metadata.get("finterval"))
    seconds = SECONDS.get(str(metadata.get("tunit", "s")).lower())
    if interval and seconds:
        scale["T"] = interval * seconds
    return scale, unit


def _is_printed(lengths: Iterable[float | None], *, always: bool = False) -> bool:
    """Whether a pixel size in micrometers is that of a screen, printer or scanner.

    Sizes that a microscope may have count only `always`.
    """
    return any(
        abs(25400 / length / dots - 1) < 1e-3
        for length in lengths
        if length and (always or length > LARGEST_PIXEL)
        for dots in DOTS_PER_INCH
    )


def _from_scifio(metadata: Mapping[str, Any]) -> tuple[Scale, str]:
    """Read the lists that Fiji's SCIFIO writes: its tags don't mean what ImageJ's do."""
    lists = [str(metadata.get(key, "")).split(",") for key in ("axes", "scales", "units")]
    scale: Scale = {}
    for axis, size, unit in zip(*lists, strict=False):
        number, factor = _positive(size), MICROMETERS.get(unit.lower())
        if axis in ("X", "Y", "Z") and number and factor:
            scale[axis] = number * factor
    return scale, "micrometer" if scale else "pixel"


def _json(file: Any, series: int) -> Mapping[str, Any]:
    """Return the `metadata` that ``tifffile.imwrite`` stored."""
    stored = file.shaped_metadata or ()
    return stored[series] if series < len(stored) else {}


def _resolution(page: Any, tag: str) -> float | None:
    value = page.tags.valueof(tag)
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return _positive(value[0] / value[1])
    return None


def _text(page: Any, tag: str) -> str:
    return getattr(page.tags.valueof(tag), "name", "").lower()


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,10}", text) is not None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
