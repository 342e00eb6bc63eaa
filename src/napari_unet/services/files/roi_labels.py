"""ImageJ's regions of interest as labels."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import roifile

from napari_unet.core.errors import UserError
from napari_unet.core.objects.outlines import fill
from napari_unet.services.files.object_outlines import label_of_roi

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

MAX_ROIS, MAX_BYTES = 200_000, 1 << 28
"""A file with more, or larger when unpacked, is not read."""


def read_rois(path: Path, image: Image) -> NDArray[np.int64]:
    """Draw the regions of interest of an image: each becomes an object, numbered in their order.

    Those that were made of labels have the numbers of these again.

    A pixel belongs to a region if its centre lies inside, as in ImageJ. Where regions overlap, the later
    one is on top. One without a position in the stack is in all planes.

    Parameters
    ----------
    path
        A ``.roi`` file, or a ``.zip`` of the ROI Manager.
    image
        The image they were drawn on.

    Raises
    ------
    UserError
        When it can't be read, no region has an area, or one lies outside the image.
    """
    labels = np.zeros(image.label_shape, dtype=np.int64)
    number = 0
    for roi in _rois(path):
        rings = [ring for ring in roi.coordinates(multi=True) if len(ring) > 2]
        # lines, points and angles have no area
        if not rings or str(roi.roitype.name) in ("LINE", "POLYLINE", "FREELINE", "ANGLE", "POINT"):
            continue
        number += 1
        stated = label_of_roi(roi)
        _draw(labels, image, roi, rings, number if stated is None else stated)
    if not labels.any():
        raise UserError(
            f"{path.name} holds no regions of interest on {image.name}",
            value=f"{number} region(s) with an area",
            rule=f"They must lie on the image's {image.label_shape} pixels, and have an area.",
            remedy="Choose the ROIs that were drawn on this image.",
        )
    return labels


def _draw(labels: NDArray[np.int64], image: Image, roi: Any, rings: list[Any], number: int) -> None:
    """Draw one region; holes are rings inside others."""
    shape = image.sizes["Y"], image.sizes["X"]
    rows, columns, inside = fill(rings, shape)
    axes = image.label_axes
    at = {"Z": roi.z_position, "T": roi.t_position}
    stack = [a for a in axes if a not in "YX"]
    if len(stack) == 1 and not any(at.values()):
        at[stack[0]] = roi.position
    index: list[Any] = [slice(None)] * len(axes)
    for axis in stack:
        if 0 < at.get(axis, 0) <= image.sizes[axis]:
            index[axes.index(axis)] = at[axis] - 1
    planes = labels[tuple(index)]
    kept = [a for a in axes if a in "YX" or isinstance(index[axes.index(a)], slice)]
    order = [kept.index(a) for a in (*(a for a in kept if a not in "YX"), "Y", "X")]
    planes.transpose(order)[..., rows, columns][..., inside] = number


def _rois(path: Path) -> list[Any]:
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                entries = [e for e in archive.infolist() if e.filename.lower().endswith(".roi")]
                if len(entries) > MAX_ROIS or sum(e.file_size for e in entries) > MAX_BYTES:
                    raise ValueError(f"{len(entries):,} regions, too large")
                return [roifile.ImagejRoi.frombytes(archive.read(e)) for e in entries]
        return [roifile.ImagejRoi.frombytes(path.read_bytes())]
    except Exception as error:
        # a damaged file may raise anything
        raise UserError(
            f"{path.name} can't be read as regions of interest",
            value=error,
            rule="It must be a .roi file or a .zip that the ROI Manager of ImageJ has saved.",
            remedy="Save it again in ImageJ: ROI Manager ▸ More ▸ Save….",
        ) from error
