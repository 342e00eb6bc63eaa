"""Shape of objects, what surrounds them, and what they lie in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.objects.outlines import outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Lazy
    from napari_unet.core.image.frames import Frame

Columns = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, eq=False)
class Details:
    """What to measure of objects beyond size, place and brightness.

    Attributes
    ----------
    shape
        Perimeter, largest diameter (Feret), solidity, eccentricity and orientation, in planes.
    ring
        Width in pixels of a ring around each object whose mean intensity is measured; 0: none.
        Other objects have no part in it.
    parents
        Labels of the same shape; each object gets the number of the one that covers most of it.
    """

    shape: bool = True
    ring: int = 0
    parents: Lazy | None = None


def measure_details(
    frame: Frame,
    labels: Lazy,
    details: Details,
    suffixes: Sequence[str],
    calibration: tuple[tuple[float, ...], str],
) -> Columns:
    """Measure the objects of a plane or volume, in the order of their numbers.

    Parameters
    ----------
    frame
        The plane or volume, with all channels of the image.
    labels
        Labels of the whole image.
    details
        What to measure.
    suffixes
        What the columns of each channel end in.
    calibration
        Size of a pixel along the spatial axes, and the name of its unit.

    Returns
    -------
    dict of str to ndarray
        - ``perimeter_um`` (skimage's, with four neighbours), ``feret_um``: the largest distance between
          two corners of pixels; ``solidity``: its share of its convex hull; ``eccentricity``, from 0 of
          a circle to 1; ``orientation_rad``: the angle of the long axis to the Y axis, from -π/2 to π/2,
          counter-clockwise. Planes only. Lengths are in pixels where these are not square.
        - ``ring_mean`` with the suffix of each channel.
        - ``parent``, 0 where there is none, and ``parent_overlap``: the share of the object that it
          covers.
    """
    whole = tuple(slice(0, n) for n in frame.shape)
    key, order = frame.label_index(whole)
    numbers = np.asarray(labels[key]).transpose(np.argsort(order))
    labels_present = np.unique(numbers[numbers > 0])
    columns: Columns = {}
    if details.shape and len(frame.spatial) == 2:
        columns |= _shape(numbers, calibration)
    if details.ring:
        columns |= _rings(frame, numbers, labels_present, details.ring, suffixes)
    if details.parents is not None:
        parents = np.asarray(details.parents[key]).transpose(np.argsort(order))
        columns |= _parents(numbers, parents, labels_present)
    return columns


def _shape(numbers: NDArray[Any], calibration: tuple[tuple[float, ...], str]) -> Columns:
    from scipy.spatial import ConvexHull
    from skimage.measure import perimeter, regionprops

    spacing, unit = calibration
    square = math.isclose(*spacing, rel_tol=1e-6)
    step, unit = (spacing[0], unit) if square else (1.0, "px")
    compact, old = _consecutive(numbers)
    regions = regionprops(compact)
    rows = np.zeros((len(old), 5))
    for i, (region, outline) in enumerate(zip(regions, outlines(compact), strict=True)):
        corners = np.concatenate(outline.rings).astype(np.float64)
        hull = ConvexHull(corners)
        ends = corners[hull.vertices]
        feret = np.sqrt(((ends[:, None] - ends[None]) ** 2).sum(axis=-1).max())
        mask = np.pad(region.image, 1)
        # for planes, SciPy calls the area volume
        solidity = min(region.area / hull.volume, 1.0)
        rows[i] = (
            perimeter(mask, 4) * step,
            feret * step,
            solidity,
            region.eccentricity,
            region.orientation,
        )
    names = (
        f"perimeter_{unit}",
        f"feret_{unit}",
        "solidity",
        "eccentricity",
        "orientation_rad",
    )
    return dict(zip(names, rows.T, strict=True))


def _consecutive(numbers: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Renumber objects from 1; also return their old numbers."""
    old, compact = np.unique(np.maximum(numbers, 0), return_inverse=True)
    compact = compact.reshape(numbers.shape)
    return (compact, old[1:]) if len(old) and old[0] == 0 else (compact + 1, old)


def _rings(
    frame: Frame,
    numbers: NDArray[Any],
    labels_present: NDArray[Any],
    width: int,
    suffixes: Sequence[str],
) -> Columns:
    from skimage.segmentation import expand_labels

    compact, _ = _consecutive(numbers)
    ring = np.where(compact == 0, expand_labels(compact, width), 0).ravel()
    values = frame.read(tuple(slice(0, n) for n in frame.shape))
    columns: Columns = {}
    for suffix, channel in zip(suffixes, values.reshape(len(values), -1), strict=True):
        data = np.nan_to_num(channel.astype(np.float64))
        known = (~np.isnan(channel)).astype(np.float64) if channel.dtype.kind == "f" else None
        pixels = np.bincount(ring, known, len(labels_present) + 1)[1:]
        total = np.bincount(ring, data, len(labels_present) + 1)[1:]
        with np.errstate(invalid="ignore"):
            columns[f"ring_mean{suffix}"] = total / pixels
    return columns


def _parents(numbers: NDArray[Any], parents: NDArray[Any], labels_present: NDArray[Any]) -> Columns:
    inside = numbers > 0
    child = np.searchsorted(labels_present, numbers[inside])
    pairs, counts = np.unique(
        np.stack([child, parents[inside].astype(np.int64)]), axis=1, return_counts=True
    )
    sizes = np.bincount(child, minlength=len(labels_present))
    parent, overlap = np.zeros(len(labels_present), np.int64), np.zeros(len(labels_present))
    # the largest comes last, so that it stays
    for i in np.argsort(counts, kind="stable"):
        row, number = pairs[:, i]
        if number > 0:
            parent[row], overlap[row] = number, counts[i] / sizes[row]
    return {"parent": parent, "parent_overlap": overlap}
