"""Size, place and brightness of each object of a label image, in physical units."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.image.frames import frames
from napari_unet.core.objects.details import Details, measure_details
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.core.image.frames import Frame

Columns = dict[str, "NDArray[Any]"]
"""A table: an array for each column, all of one length."""

BAND = 1 << 22
"""Pixels read at once, so that a plane of any size fits the memory."""

ABBREVIATIONS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm"}


def measure(
    image: Image, labels: Lazy, *, spatial: str = "", details: Details | None = None
) -> Job[Columns]:
    """Measure the objects of a label image, reading a part of a plane at a time.

    Sizes are in the image's unit, here ``um``; in pixels, ``px``, where it does not tell the pixel size
    along all spatial axes.

    Parameters
    ----------
    image
        Intensities; every channel is measured.
    labels
        Whole numbers, with the axes of the image but its channels: above 0, each number one object.
    spatial
        ``"ZYX"`` for objects that go through the planes, ``"YX"`` for objects of single planes; empty:
        the first if there is a Z axis.
    details
        What else to measure, each plane or volume as a whole; None: nothing.

    Yields
    ------
    Progress
        In units of planes.

    Returns
    -------
    dict of str to ndarray
        A row for each object, in the order of the looped axes and then of the labels. A number that
        comes back at another place along a looped axis, as in tracks, has a row there too.

        - ``label``, and from 0 the place along each axis looped over, such as ``t``;
        - ``area_um2``, in volumes ``volume_um3``: pixels times the size of one;
        - ``centroid_z_um``, ``centroid_y_um``, ``centroid_x_um``: mean of the pixels' centres, the first
          of which is at 0;
        - ``equivalent_diameter_um``: of the circle or ball of the same size;
        - ``intensity_mean``, ``intensity_min``, ``intensity_max``: followed by the channel's name, such
          as ``intensity_mean_DAPI``; where names do not tell channels apart, by its number from 0 if
          there are several;
        - ``touches_border``: whether a pixel lies at the edge of its plane or volume, beyond which the
          object may go on. An axis of length 1 has no such edge;
        - what `measure_details` gives.

    Raises
    ------
    UserError
        When labels are not whole or don't fit the image, or it has no Z axis for ``"ZYX"``.
    """
    check_alignment(image, labels, {}, {}, f"labels of {image.name}")
    spatial = spatial or ("ZYX" if "Z" in image.axes else "YX")
    whole = frames(image, spatial, range(image.n_channels))
    planes = frames(image, "YX", range(image.n_channels))
    loops = list(whole[0].index)
    collected: dict[tuple[int, ...], list[_Parts]] = defaultdict(list)
    height, rows = image.sizes["Y"], max(1, BAND // image.sizes["X"])
    for i, plane in enumerate(planes):
        place = tuple(plane.index[a] for a in loops)
        for top in range(0, height, rows):
            yield Progress(i + top / height, len(planes), plane.title)
            band = slice(top, min(top + rows, height))
            collected[place].append(_parts(plane, labels, band, spatial))
    objects = {place: _joined(parts) for place, parts in sorted(collected.items())}
    columns = _columns(image, spatial, loops, objects)
    if details is not None and len(columns["label"]):
        columns |= yield from _detailed(image, labels, details, whole)
    return columns


def _detailed(image: Image, labels: Lazy, details: Details, whole: Sequence[Frame]) -> Job[Columns]:
    """Measure the details of all planes or volumes, in the order of the rows."""
    calibration = _calibration(image, whole[0].spatial)
    tables = []
    for i, frame in enumerate(sorted(whole, key=lambda frame: tuple(frame.index.values()))):
        yield Progress(i, len(whole), f"shapes {frame.title}".rstrip())
        tables.append(measure_details(frame, labels, details, _suffixes(image), calibration))
    return {
        name: np.concatenate([table[name] for table in tables if name in table])
        for name in tables[0]
    }


@dataclass(frozen=True, eq=False)
class _Parts:
    """Parts of n objects: what of them adds up, and what does not.

    Attributes
    ----------
    label
        (n,) numbers of the objects.
    sums
        (1 + axes + 2 × channels, n) float64: pixels, and over these the sum of the places along each
        spatial axis, of the intensities of each channel, and of the pixels that have data in it.
    low, high
        (channels, n) in the image's dtype: least and largest intensity.
    border
        (n,) bool: whether a pixel lies at the edge.
    """

    label: NDArray[np.int64]
    sums: NDArray[np.float64]
    low: NDArray[Any]
    high: NDArray[Any]
    border: NDArray[np.bool_]


def _parts(plane: Frame, labels: Lazy, rows: slice, spatial: str) -> _Parts:
    """Measure what lies in some rows of a plane."""
    sizes, width = plane.image.sizes, plane.shape[1]
    box = (rows, slice(0, width))
    key, order = plane.label_index(box)
    numbers = np.asarray(labels[key]).transpose(np.argsort(order))
    starts, length = _runs(numbers)
    y, x = np.divmod(starts, width)
    first = {"Y": y + rows.start, "X": x}
    if "Z" in spatial:
        first["Z"] = np.full(len(starts), plane.index["Z"])
    last = first | {"X": x + length - 1}
    border = np.zeros(len(starts), bool)
    for a in spatial:
        if sizes[a] > 1:
            border |= (first[a] == 0) | (last[a] == sizes[a] - 1)
    values = plane.read(box)
    values = values.reshape(len(values), -1)
    data = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    brightness = np.add.reduceat(np.where(data, values, 0), starts, axis=1, dtype=np.float64)
    with_data = np.add.reduceat(data, starts, axis=1, dtype=np.float64)
    runs = _Parts(
        numbers.ravel()[starts].astype(np.int64),
        np.array(
            [
                length,
                *((first[a] + last[a]) / 2 * length for a in spatial),
                *brightness,
                *with_data,
            ]
        ),
        np.fmin.reduceat(values, starts, axis=1),
        np.fmax.reduceat(values, starts, axis=1),
        border,
    )
    return _joined([runs])


def _runs(numbers: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of one number along the rows start, and how long they are.

    There are far fewer of these than pixels.
    """
    first = np.ones(numbers.shape, bool)
    first[:, 1:] = numbers[:, 1:] != numbers[:, :-1]
    starts = np.flatnonzero(first)
    return starts, np.diff(starts, append=numbers.size)


def _joined(parts: Sequence[_Parts]) -> _Parts:
    """Put the parts of each object together, in the order of numbers; leave the background out."""
    label = np.concatenate([p.label for p in parts])
    # one sort for all; it also brings the parts of an object side by side
    order = np.argsort(label, kind="stable")
    order = order[np.searchsorted(label[order], 1) :]
    label = label[order]
    starts = np.flatnonzero(np.diff(label, prepend=0))
    low, high, sums = (
        np.concatenate([getattr(p, name) for p in parts], axis=1)[:, order]
        for name in ("low", "high", "sums")
    )
    border = np.concatenate([p.border for p in parts])[order]
    return _Parts(
        label[starts],
        np.add.reduceat(sums, starts, axis=1),
        np.fmin.reduceat(low, starts, axis=1),
        np.fmax.reduceat(high, starts, axis=1),
        np.logical_or.reduceat(border, starts),
    )


def _columns(
    image: Image, spatial: str, loops: Sequence[str], objects: dict[tuple[int, ...], _Parts]
) -> Columns:
    label = np.concatenate([o.label for o in objects.values()])
    counts = [len(o.label) for o in objects.values()]
    pixels, *sums = np.concatenate([o.sums for o in objects.values()], axis=1)
    low, high = (
        np.concatenate([getattr(o, name) for o in objects.values()], axis=1)
        for name in ("low", "high")
    )
    spacing, unit = _calibration(image, spatial)
    volumes = len(spatial) == 3
    size = pixels.astype(np.int64) if unit == "px" else pixels * math.prod(spacing)
    columns: Columns = {"label": label}
    for i, a in enumerate(loops):
        columns[a.lower()] = np.repeat([place[i] for place in objects], counts)
    power = "" if unit == "px" else str(len(spatial))
    columns[f"{'volume' if volumes else 'area'}_{unit}{power}"] = size
    for a, step, total in zip(spatial, spacing, sums, strict=False):
        columns[f"centroid_{a.lower()}_{unit}"] = total / pixels * step
    columns[f"equivalent_diameter_{unit}"] = (
        np.cbrt(6 / math.pi * size) if volumes else np.sqrt(4 / math.pi * size)
    )
    for c, suffix in enumerate(_suffixes(image)):
        total, with_data = sums[len(spatial) + c], sums[len(spatial) + image.n_channels + c]
        with np.errstate(invalid="ignore"):
            columns[f"intensity_mean{suffix}"] = total / with_data
        columns[f"intensity_min{suffix}"] = low[c]
        columns[f"intensity_max{suffix}"] = high[c]
    columns["touches_border"] = np.concatenate([o.border for o in objects.values()])
    return columns


def _calibration(image: Image, spatial: str) -> tuple[tuple[float, ...], str]:
    """Pixel size and short name of its unit; 1 and ``px`` where the size along an axis is not known."""
    known = image.unit != "pixel" and all(
        0 < image.scale.get(a, math.nan) < math.inf for a in spatial
    )
    if not known:
        return (1.0,) * len(spatial), "px"
    return image.spacing(spatial), ABBREVIATIONS.get(image.unit, image.unit)


def _suffixes(image: Image) -> list[str]:
    """What tells the channels' columns apart."""
    n, names = image.n_channels, image.channel_names
    if len(names) == n == len(set(names)):
        return [f"_{name}" for name in names]
    return [""] if n == 1 else [f"_{c}" for c in range(n)]
