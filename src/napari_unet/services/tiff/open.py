"""Open TIFF files of any kind: which images they hold, and one of them."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import replace
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image, check_axes
from napari_unet.services.tiff.appearance import as_shown
from napari_unet.services.tiff.checks import check_header
from napari_unet.services.tiff.choose import choose_image
from napari_unet.services.tiff.metadata import (
    axes_of,
    calibration,
    channel_colours,
    channel_names,
    nodata_value,
)
from napari_unet.services.tiff.ome_files import metadata_elsewhere
from napari_unet.services.tiff.pages import damaged
from napari_unet.services.tiff.reader import TiffArray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_unet.core.image.axes import Lazy

SUFFIXES = (".tif", ".tiff")
"""Names of TIFF files end so; results are written under these."""

TIFF_SUFFIXES = (
    *SUFFIXES,
    ".btf",
    ".tf2",
    ".tf8",
    ".lsm",
    ".stk",
    ".svs",
    ".ndpi",
    ".qptiff",
    ".bif",
)
"""Names of files that are TIFF inside."""

NO_IMAGES = {"thumbnail", "label", "macro", "map", "overview", "label image", "macro image"}
"""Names of pictures that slide scanners and converters store beside an image."""


def open_tiff(path: Path, axes: str | None, series: int | None, *, appearance: bool) -> Image:
    """Open an image of a TIFF file; see `open_image`."""
    with opened(path) as file:
        numbers = image_numbers(file)
        shapes = [" × ".join(map(str, file.series[n].shape)) for n in numbers]
        number = numbers[choose_image(path, shapes, series)]
        chosen = file.series[number]
        letters = axes.strip().upper() if axes else axes_of(chosen)
        if not axes and not set("YX") <= set(letters):
            raise damaged(str(path), f"an image of shape {tuple(chosen.shape)}")
        check_axes(letters, chosen.shape)
        _check_dtype(path, chosen)
        scale, unit = calibration(file, number)
        pixels = TiffArray(chosen, mark_absent=appearance)
        data: Lazy = pixels
        if appearance:
            data, letters = as_shown(pixels, chosen.keyframe, letters)
        image = Image(
            data,
            letters,
            scale={a: scale[a] for a in letters if a in scale},
            unit=unit,
            name=re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE),
            nodata=nodata_value(chosen.keyframe) if appearance else None,
            notes=_notes(pixels, appearance),
        )
        names = channel_names(file, number, image.n_channels)
        colours = channel_colours(file, number, image.n_channels)
        return replace(image, channel_names=names, channel_colours=colours)


def series_shapes(path: Path) -> list[tuple[int, ...]]:
    """Return the shapes of the images that a TIFF file holds, without thumbnails and the like.

    Raises
    ------
    UserError
        When the file can't be read.
    """
    with opened(path) as file:
        return [tuple(map(int, file.series[n].shape)) for n in image_numbers(file)]


def image_numbers(file: Any) -> list[int]:
    """Return which series of an open ``tifffile.TiffFile`` are images of their own."""

    def own(series: Any) -> bool:
        page = series.keyframe
        beside = str(series.name).strip().lower() in NO_IMAGES
        return not (beside or page.is_reduced or page.is_mask)

    return [n for n, series in enumerate(file.series) if own(series)] or list(
        range(len(file.series))
    )


def _notes(pixels: TiffArray, appearance: bool) -> tuple[str, ...]:
    absent = np.count_nonzero(pixels.absent)
    if not absent:
        return ()
    consequence = "they are not segmented" if appearance else "they are empty"
    return (f"{absent} of {pixels.absent.size} planes are missing: {consequence}.",)


def _check_dtype(path: Path, series: Any) -> None:
    if series.keyframe.dtype is None or series.dtype.kind not in "biuf":
        raise UserError(
            f"{path.name} has pixels of a type that can't be used",
            value=f"{series.dtype}, {series.keyframe.bitspersample} bits",
            rule="Pixels must be integers or floating-point numbers.",
            remedy="Convert the image, for example in Fiji with Image ▸ Type.",
        )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a TIFF file; any error in the block becomes a `UserError`."""
    try:
        with _delayed_log(), tifffile.TiffFile(path, **metadata_elsewhere(path)) as file:
            check_header(file)
            yield file
    except UserError:
        raise
    except OSError as error:
        raise UserError(
            f"{path.name} can't be opened",
            value=error.strerror or error,
            rule="The file must exist and you must have the right to read it.",
            remedy="Check the name, the folder and the permissions.",
        ) from error
    except Exception as error:
        # parsing a damaged file may raise anything
        raise damaged(str(path), error) from error


@contextmanager
def _delayed_log() -> Iterator[None]:
    """Hold back what tifffile logs in this thread, and drop it if an error is raised instead."""
    log, this_thread = logging.getLogger("tifffile"), get_ident()
    held: list[logging.LogRecord] = []

    def hold(record: logging.LogRecord) -> bool:
        if record.thread == this_thread:
            held.append(record)
        return record.thread != this_thread

    log.addFilter(hold)
    try:
        yield
    finally:
        log.removeFilter(hold)
    for record in held:
        log.handle(record)
