"""Find and open image files."""

from __future__ import annotations

import glob
import logging
import re
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

import tifffile

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image, check_axes
from napari_unet.services.tiff.appearance import as_shown
from napari_unet.services.tiff.checks import check_header
from napari_unet.services.tiff.metadata import calibration, channel_names, legal_axes, nodata_value
from napari_unet.services.tiff.pages import damaged
from napari_unet.services.tiff.reader import TiffArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".tif", ".tiff")


def open_image(
    path: str | Path, axes: str | None = None, series: int = 0, *, appearance: bool = True
) -> Image:
    """Open a TIFF file; its pixels are read later, window by window.

    Pixels are as they look: where the file says that 0 is white they are inverted, and CMYK becomes RGB.
    But an image with a colour table keeps its indices, which in microscopy are the intensities.

    Parameters
    ----------
    path
        A TIFF file of any kind: OME, ImageJ, plain, tiled, BigTIFF.
    axes
        A letter for each axis, in place of what the file says.
    series
        Which image, if the file has several.
    appearance
        False: pixel values as stored, as those of labels must be.

    Returns
    -------
    Image
        With the axes, voxel size, unit, channel names and "no data" value that the file states. Axes of
        length 1 are left out where the format always writes them (OME, ImageJ).

    Raises
    ------
    UserError
        When the file can't be read or used, or `axes` don't fit it. Damaged pixels raise it when they
        are read.
    """
    path = Path(path)
    with _opened(path) as file:
        if not 0 <= series < len(file.series):
            raise UserError(
                f"{path.name} has no image number {series}",
                value=f"{len(file.series)} image(s)",
                rule="The images of a file are numbered from 0.",
                remedy="Choose an image that the file has.",
            )
        chosen = file.series[series]
        letters = axes.strip().upper() if axes else legal_axes(chosen.axes)
        if not axes and not set("YX") <= set(letters):
            raise damaged(str(path), f"an image of shape {tuple(chosen.shape)}")
        check_axes(letters, chosen.shape)
        _check_dtype(path, chosen)
        scale, unit = calibration(file, series)
        pixels = TiffArray(chosen)
        image = Image(
            as_shown(pixels, chosen.keyframe, chosen.axes) if appearance else pixels,
            letters,
            scale={a: scale[a] for a in letters if a in scale},
            unit=unit,
            name=re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE),
            nodata=nodata_value(chosen.keyframe),
        )
        return replace(image, channel_names=channel_names(file, series, image.n_channels))


def open_labels(path: str | Path, axes: str | None = None, series: int = 0) -> Image:
    """Open a file of labels: like `open_image`, but with the values as stored, however they look."""
    return open_image(path, axes, series, appearance=False)


def find_images(inputs: Sequence[str | Path]) -> list[Path]:
    """Resolve files, folders and patterns such as ``*.tif`` to image files.

    Parameters
    ----------
    inputs
        Files; folders, of which the TIFF files directly inside are taken; patterns.

    Returns
    -------
    list of Path
        In the order given, those of a folder or pattern in natural order (2 before 10), each once.

    Raises
    ------
    UserError
        When an input matches no file, or a folder can't be read.
    """
    paths: list[Path] = []
    for given in map(Path, inputs):
        try:
            paths += _matches(given)
        except OSError as error:
            raise UserError(
                f"{given} can't be read",
                value=error.strerror or error,
                rule="You must have the right to open the file or to list the folder.",
                remedy="Change its permissions or choose another one.",
            ) from error
    # a file may be given in several ways
    return list({path.absolute(): path for path in paths}.values())


def sample_path() -> Path:
    """Return the path of the sample stack that comes with the package."""
    return Path(str(files("napari_unet") / "data" / "nuclei_stack.tif"))


def _matches(given: Path) -> list[Path]:
    if given.is_file():
        return [given]
    if given.is_dir():
        inside = [p for p in given.iterdir() if p.suffix.lower() in SUFFIXES]
    else:
        inside = [Path(p) for p in glob.glob(str(given), recursive=True)]  # noqa: PTH207
    # hidden files are not images: macOS leaves a ._name.tif beside each name.tif on foreign disks
    images = [p for p in inside if p.is_file() and not p.name.startswith(".")]
    if not images:
        raise UserError(
            f"Nothing to open at {given}",
            value="a folder without TIFF files" if given.is_dir() else "no such file",
            rule="Give TIFF files, folders that contain some, or patterns such as *.tif.",
            remedy="Check the spelling and the folder you are in.",
        )
    return sorted(images, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key by which ``t2`` comes before ``t10``."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(1, int(x), "") if x.isdecimal() else (0, 0, x) for x in parts]


def _check_dtype(path: Path, series: Any) -> None:
    if series.keyframe.dtype is None or series.dtype.kind not in "biuf":
        raise UserError(
            f"{path.name} has pixels of a type that can't be used",
            value=f"{series.dtype}, {series.keyframe.bitspersample} bits",
            rule="Pixels must be integers or floating-point numbers.",
            remedy="Convert the image, for example in Fiji with Image ▸ Type.",
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a TIFF file; any error in the block becomes a `UserError`."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{path.name} is not a TIFF file",
            value=path.suffix or "no suffix",
            rule=f"Images are read from files whose names end in {' or '.join(SUFFIXES)}.",
            remedy="Export it as TIFF or OME-TIFF, for example from Fiji.",
        )
    try:
        with _delayed_log(), tifffile.TiffFile(path) as file:
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
