"""Objects of a label image as outlines: ImageJ's regions of interest, and GeoJSON for QuPath."""

from __future__ import annotations

import json
import re
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import roifile

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.objects.outlines import Outline, fill, outlines
from napari_unet.services.files.provenance import COLUMN, MEMBER, as_text
from napari_unet.services.files.save import check_free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.services.files.provenance import MadeBy

OUTLINE_SUFFIXES = (".zip", ".geojson")
"""Names of files of outlines end so."""

LARGEST_INTEGER = 32_767
"""ImageJ's regions hold larger coordinates as floating-point numbers only."""

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of the entries of an archive, so that the same objects give the same file."""


def check_outlines(path: Path, overwrite: bool) -> None:
    """Raise a `UserError` unless outlines may be written to `path`."""
    if path.suffix.lower() not in OUTLINE_SUFFIXES:
        raise UserError(
            f"Outlines can't be written to {path.name}",
            value=path.suffix or "no suffix",
            rule="ROIs of ImageJ go to names that end in .zip, GeoJSON for QuPath to .geojson.",
            remedy=f"Name it {path.stem}.zip or {path.stem}.geojson.",
        )
    check_free(path, overwrite)


def save_outlines(
    path: Path,
    labels: Lazy,
    image: Image,
    *,
    overwrite: bool = False,
    made_by: MadeBy | None = None,
) -> int:
    """Write the outlines of all objects, which give the same labels when they are drawn again.

    Parameters
    ----------
    path
        Ends in ``.zip``, for ROIs of ImageJ, or ``.geojson``, for QuPath.
    labels
        Whole numbers with the image's axes but channels, read plane by plane. An object that goes
        through several planes has an outline in each, with the same number.
    image
        The image they belong to.
    overwrite
        Whether an existing file may be replaced.
    made_by
        What made them, kept in the file.

    Returns
    -------
    int
        Number of outlines.

    Raises
    ------
    UserError
        When the file exists or can't be written.
    """
    check_outlines(path, overwrite)
    with atomic_path(path) as part:
        if path.suffix.lower() == ".zip":
            return _write_rois(part, _planes(labels, image), made_by)
        return _write_geojson(part, _planes(labels, image), made_by)


def _planes(labels: Lazy, image: Image) -> Iterator[tuple[dict[str, int], Outline]]:
    """Yield the outlines of each plane, with its position along the other axes."""
    axes = image.label_axes
    looped = [a for a in axes if a not in "YX"]
    for index in np.ndindex(*(image.sizes[a] for a in looped)):
        place = dict(zip(looped, map(int, index), strict=True))
        plane = np.asarray(labels[tuple(place.get(a, slice(None)) for a in axes)])
        if axes.index("Y") > axes.index("X"):
            plane = plane.T
        for outline in outlines(plane):
            yield place, outline


def _write_rois(
    path: Path, placed_outlines: Iterator[tuple[dict[str, int], Outline]], made_by: MadeBy | None
) -> int:
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for place, outline in placed_outlines:
            where = "".join(f"-{a.lower()}{i:04}" for a, i in place.items())
            name = f"{outline.label:06}{where}"
            entry = zipfile.ZipInfo(f"{name}.roi", FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _roi(name, outline, place).tobytes())
            count += 1
        if made_by is not None:
            archive.writestr(zipfile.ZipInfo(MEMBER, FIXED_TIME), as_text(made_by))
    return count


def _roi(name: str, outline: Outline, place: dict[str, int]) -> Any:
    """Return an outline as a region: a polygon, or a path if it has several rings."""
    points = np.concatenate(outline.rings)
    low, high = points.min(axis=0), points.max(axis=0)
    roi = roifile.ImagejRoi()
    roi.version = 228
    roi.name = name
    roi.props = f"label: {outline.label}\n"
    roi.left, roi.top, roi.right, roi.bottom = (int(n) for n in (*low, *high))
    if len(outline.rings) == 1 and high.max() <= LARGEST_INTEGER:
        roi.roitype = roifile.ROI_TYPE.POLYGON
        roi.integer_coordinates = (outline.rings[0] - low).astype(np.int32)
        roi.n_coordinates = len(points)
    else:
        roi.roitype = roifile.ROI_TYPE.RECT
        roi.multi_coordinates = _path(outline.rings)
        roi.shape_roi_size = len(roi.multi_coordinates)
    for axis, index in place.items():
        if axis == "Z":
            roi.z_position = index + 1
        elif axis == "T":
            roi.t_position = index + 1
    if len(place) == 1:
        roi.position = next(iter(place.values())) + 1
    return roi


def _path(rings: list[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return rings as the steps of a path: go to, line to, close."""
    steps: list[NDArray[np.float32]] = []
    for ring in rings:
        lines = np.ones((len(ring), 3), np.float32)
        lines[0, 0] = 0
        lines[:, 1:] = ring
        steps += [lines.ravel(), np.array([4], np.float32)]
    return np.concatenate(steps)


def _write_geojson(
    path: Path, placed_outlines: Iterator[tuple[dict[str, int], Outline]], made_by: MadeBy | None
) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", ')
        if made_by is not None:
            file.write(f'"{COLUMN}": {as_text(made_by)}, ')
        file.write('"features": [')
        for place, outline in placed_outlines:
            file.write((",\n" if count else "\n") + json.dumps(_feature(outline, place)))
            count += 1
        file.write("\n]}\n")
    return count


def _feature(outline: Outline, place: dict[str, int]) -> dict[str, Any]:
    parts = [[[*ring.tolist(), ring[0].tolist()] for ring in part] for part in outline.polygons()]
    single = len(parts) == 1
    geometry: dict[str, Any] = {
        "type": "Polygon" if single else "MultiPolygon",
        "coordinates": parts[0] if single else parts,
    }
    if place:
        geometry["plane"] = {"c": -1, "z": place.get("Z", 0), "t": place.get("T", 0)}
    key = f"{outline.label} {sorted(place.items())}"
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, key)),
        "geometry": geometry,
        "properties": {
            "objectType": "detection",
            "name": str(outline.label),
            "metadata": {"label": str(outline.label), **{a: str(i) for a, i in place.items()}},
        },
    }


def label_of_roi(roi: Any) -> int | None:
    """Return the number that an object had in the labels a region was made of; None if not stated."""
    stated = re.search(r"^label:\s*(\d{1,10})\s*$", str(roi.props or ""), re.MULTILINE)
    return int(stated[1]) if stated else None


def read_geojson(path: Path, image: Image) -> NDArray[np.int64]:
    """Draw the polygons of a GeoJSON file on an image, such as QuPath exports them.

    A pixel belongs to a polygon if its centre lies inside. Objects have the number that their metadata
    state, else they are numbered in their order; later ones are on top. One without a plane is in all.

    Parameters
    ----------
    path
        The file.
    image
        The image they were drawn on.

    Raises
    ------
    UserError
        When it can't be read, or no polygon lies on the image.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        features = content if isinstance(content, list) else content.get("features", [content])
        labels = np.zeros(image.label_shape, np.int64)
        for number, feature in enumerate(features, start=1):
            _draw(labels, image, feature, number)
    except UserError:
        raise
    except Exception as error:
        # what others wrote may be anything
        raise UserError(
            f"{path.name} can't be read as GeoJSON",
            value=f"{type(error).__name__}: {error}",
            rule="It must be a collection of features with polygons, as QuPath exports it.",
            remedy="Export it again, in QuPath by File ▸ Export objects as GeoJSON.",
        ) from error
    if not labels.any():
        raise UserError(
            f"{path.name} holds no polygons on {image.name}",
            value=f"{len(features)} feature(s)",
            rule=f"They must lie on the image's {image.label_shape} pixels, and have an area.",
            remedy="Choose the objects that were drawn on this image.",
        )
    return labels


def _draw(labels: NDArray[np.int64], image: Image, feature: dict[str, Any], number: int) -> None:
    geometry = feature.get("geometry") or {}
    parts = geometry.get("coordinates", [])
    if geometry.get("type") == "Polygon":
        parts = [parts]
    elif geometry.get("type") != "MultiPolygon":
        return
    about = (feature.get("properties") or {}).get("metadata") or {}
    label = int(about["label"]) if str(about.get("label", "")).isdecimal() else number
    plane, axes = geometry.get("plane"), image.label_axes
    index: list[Any] = [slice(None)] * len(axes)
    for i, a in enumerate(axes):
        if a in about and a not in "YX":
            index[i] = int(about[a])
        elif plane and a in "ZT":
            index[i] = int(plane[a.lower()])
    shape = image.sizes["Y"], image.sizes["X"]
    for part in parts:
        rows, columns, inside = fill([np.asarray(ring, float)[:, :2] for ring in part], shape)
        window = list(index)
        window[axes.index("Y")], window[axes.index("X")] = rows, columns
        view = labels[tuple(window)]
        (view if axes.index("Y") < axes.index("X") else view.swapaxes(-1, -2))[..., inside] = label
