"""Save labels and probabilities so that Fiji, napari and this package read the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import check_axes
from napari_unet.core.progress import Job, finish
from napari_unet.services.files.images import SUFFIXES
from napari_unet.services.files.provenance import TIFF_TAG, as_text, new_record, uuid_of
from napari_unet.services.omezarr.save import zarr_labels_saved
from napari_unet.services.omezarr.store import is_zarr
from napari_unet.services.omezarr.targets import check_free_target, label_target
from napari_unet.services.tiff.writer import Embedded, Stack, stack_written, write_stack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.services.files.provenance import MadeBy


LABELS_NAME = "segmentation"
"""What labels are called in the container of their image, where no name is given."""


def check_output(path: Path, overwrite: bool) -> None:
    """Raise a `UserError` unless a result may be written to `path`."""
    if is_zarr(path):
        check_free_target(label_target(path, name=LABELS_NAME), overwrite)
        return
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"Results can't be written to {path.name}",
            value=path.suffix or "no suffix",
            rule=f"They are written as TIFF, to names that end in {' or '.join(SUFFIXES)}, or as "
            "OME-Zarr, to names that end in .zarr.",
            remedy=f"Name it {path.stem}.tif.",
        )
    check_free(path, overwrite)


def has_output(path: Path) -> bool:
    """Whether there is a result at a path already; what is incomplete is never there."""
    return label_target(path, name=LABELS_NAME).folder.exists() if is_zarr(path) else path.exists()


def check_free(path: Path, overwrite: bool) -> None:
    """Raise a `UserError` when there is a file at `path` that may not be replaced."""
    if path.exists() and not overwrite:
        raise UserError(
            f"{path} already exists",
            value="overwriting is off",
            rule="Files are overwritten only on request.",
            remedy="Choose another name, or allow it by `overwrite=True`.",
        )


def save_labels(
    path: str | Path,
    labels: Lazy,
    image: Image,
    *,
    axes: str | None = None,
    overwrite: bool = False,
    made_by: MadeBy | None = None,
) -> None:
    """Write labels as compressed TIFF or OME-Zarr with the axes and the voxel size of their image.

    A name that ends in ``.zarr`` is that of a new container or, if an image is there, of that: labels go
    to ``labels/segmentation`` in it, others to ``image.zarr/labels/NAME``.

    The file is an ImageJ hyperstack where that format can hold it, an OME-TIFF for 32-bit labels
    and names that end in ``.ome.tif``, else a TIFF with its axes in tifffile's own notation. It is
    written whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.tif``, ``.tiff`` or ``.zarr``. Its folder is created if missing.
    labels
        Integers from 0 to 2**32 - 1, read plane by plane. They are stored as uint8, uint16 or uint32:
        the smallest that holds them, but no smaller than the type of an unsigned array.
    image
        The image they belong to.
    axes
        Axes of `labels`; None: those of the image without channels.
    overwrite
        Whether an existing file may be replaced.
    made_by
        What made them, kept in the file.

    Raises
    ------
    UserError
        When the file exists or can't be written, or the labels don't fit.
    """
    finish(labels_saved(path, labels, image, axes=axes, overwrite=overwrite, made_by=made_by))


def labels_saved(
    path: str | Path,
    labels: Lazy,
    image: Image,
    *,
    axes: str | None = None,
    overwrite: bool = False,
    made_by: MadeBy | None = None,
) -> Job[None]:
    """Write labels as `save_labels` does, step by step: to cancel, close it.

    Yields
    ------
    Progress
        In units of planes or chunks.
    """
    path = Path(path)
    check_output(path, overwrite)
    axes = image.label_axes if axes is None else axes
    check_axes(axes, labels.shape)
    dtype = _label_dtype(labels)
    if is_zarr(path):
        record = new_record("python", "labels", {}) if made_by is None else made_by
        yield from zarr_labels_saved(
            path, labels, image, axes, dtype, overwrite=overwrite, made_by=record, name=LABELS_NAME
        )
        return
    text = _embedded(made_by, "labels")
    yield from stack_written(path, Stack(labels, axes, dtype), image, text=text)


def save_probabilities(
    path: str | Path,
    probabilities: Lazy,
    image: Image,
    names: Sequence[str],
    *,
    overwrite: bool = False,
    made_by: MadeBy | None = None,
) -> None:
    """Write probabilities as compressed float32 TIFF, with a channel for each class.

    Parameters
    ----------
    path
        Ends in ``.tif`` or ``.tiff``. Its folder is created if missing.
    probabilities
        Classes first, then the axes of the labels. A single class is written without channels.
    image
        The image they belong to.
    names
        Names of the classes.
    overwrite
        Whether an existing file may be replaced.
    made_by
        What made them, kept in the file.

    Raises
    ------
    UserError
        When the file exists or can't be written.
    """
    path = Path(path)
    check_output(path, overwrite)
    axes = "C" + image.label_axes
    check_axes(axes, probabilities.shape)
    write_stack(
        path,
        Stack(probabilities, axes, np.dtype(np.float32)),
        image,
        names,
        _embedded(made_by, "probabilities"),
    )


def _embedded(made_by: MadeBy | None, made: str) -> Embedded:
    """Return what made a file; a program of the user's, if nothing is stated."""
    if made_by is None:
        return Embedded(TIFF_TAG, as_text(new_record("python", made, {})))
    return Embedded(TIFF_TAG, as_text(made_by), uuid_of(made_by))


def _label_dtype(labels: Lazy) -> np.dtype[Any]:
    """Return the smallest unsigned type that holds the labels, but no smaller than their own."""
    given = np.dtype(labels.dtype)
    rule = "Labels are integers from 0 to 4294967295."
    if given.kind not in "bui":
        raise UserError(
            "These are not labels",
            value=f"an array of {given}",
            rule=rule,
            remedy="Convert them to integers, or save them as an image.",
        )
    if given.kind == "u" and given.itemsize <= 4:
        return given.newbyteorder("=")
    low = high = 0
    if given.kind != "b":
        for index in np.ndindex(labels.shape[:-2]):
            plane = np.asarray(labels[index])
            low, high = min(low, int(plane.min())), max(high, int(plane.max()))
    if low < 0 or high >= 1 << 32:
        raise UserError(
            "The labels are out of range",
            value=low if low < 0 else high,
            rule=rule,
            remedy="Renumber the objects from 1.",
        )
    needed = np.min_scalar_type(high).itemsize
    own = 4 if given.kind == "u" else 1
    return np.dtype(f"u{max(needed, own)}")
