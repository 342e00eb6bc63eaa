"""Find and open image files."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.services.files.png_jpeg import PICTURE_SUFFIXES, open_picture
from napari_unet.services.files.vendor_formats import PLUGINS, open_vendor_file, vendor_scenes
from napari_unet.services.omezarr.images import image_places, open_zarr
from napari_unet.services.omezarr.store import Place, is_zarr
from napari_unet.services.tiff.choose import choose_image
from napari_unet.services.tiff.ome_files import once_per_data_set
from napari_unet.services.tiff.open import SUFFIXES, TIFF_SUFFIXES, open_tiff, series_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.axes import Image

IMAGE_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, *PLUGINS)
NETWORK_SUFFIXES = ".safetensors", ".pth", ".pt", ".ckpt", ".onnx"
"""Files with such names are images."""

__all__ = [
    "IMAGE_SUFFIXES",
    "SUFFIXES",
    "find_images",
    "is_image_file",
    "open_image",
    "open_labels",
    "series_count",
]


def open_image(
    path: str | Path,
    axes: str | None = None,
    series: int | None = None,
    *,
    appearance: bool = True,
    level: int = 0,
) -> Image:
    """Open an image file; its pixels are read later, those of a TIFF window by window.

    It may be a TIFF of any kind, PNG, JPEG, OME-Zarr (a folder, a ZIP file or an address), or a
    microscope's own format, such as CZI, ND2 or LIF, with the plug-in of ``bioio`` that reads it.

    Pixels are as they look: where the file says that 0 is white they are inverted, and CMYK becomes RGB.
    But an image with a colour table keeps its indices, which in microscopy are the intensities.

    Parameters
    ----------
    path
        The file.
    axes
        A letter for each axis, in place of what the file says.
    series
        Which image, if the file holds several, counted from 0 without thumbnails and the like.
    appearance
        False: pixel values as stored, as those of labels must be.
    level
        Of a pyramid in OME-Zarr; 0 for the largest.

    Returns
    -------
    Image
        With the axes, voxel size, unit, channel names and "no data" value that the file states. Axes of
        length 1 are left out where the format always writes them (OME, ImageJ).

    Raises
    ------
    UserError
        When the file can't be read or used, it holds several images of which none is chosen, or `axes`
        don't fit it. Damaged pixels raise it when they are read.
    """
    if is_zarr(path):
        return open_zarr(path, series).image(level, axes and axes.strip().upper())
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PLUGINS:
        return open_vendor_file(path, axes, series)
    if suffix in PICTURE_SUFFIXES:
        choose_image(path, ["picture"], series)
        return open_picture(path, axes, appearance=appearance)
    return open_tiff(_known(path), axes, series, appearance=appearance)


def open_labels(path: str | Path, axes: str | None = None, series: int | None = None) -> Image:
    """Open a file of labels: like `open_image`, but with the values as stored, however they look."""
    return open_image(path, axes, series, appearance=False)


def series_count(path: Path) -> int:
    """Count the images that a file holds.

    Raises
    ------
    UserError
        When it can't be read.
    """
    if is_zarr(path):
        return len(image_places(path))
    if path.suffix.lower() in PLUGINS:
        return vendor_scenes(path)
    return 1 if path.suffix.lower() in PICTURE_SUFFIXES else len(series_shapes(_known(path)))


def is_image_file(path: Path) -> bool:
    """Whether there is a file, or a Zarr container, that by its name is an image."""
    if is_zarr(path):
        return Place.of(path).remote or Path(Place.of(path).container).exists()
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def find_images(inputs: Sequence[str | Path]) -> list[Path]:
    """Resolve files, folders and patterns such as ``*.tif`` to image files.

    Parameters
    ----------
    inputs
        Files; folders, of which the images directly inside are taken; patterns.

    Returns
    -------
    list of Path
        In the order given, those of a folder or pattern in natural order (2 before 10), each once; of an
        OME data set of several files only the first.

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
    return once_per_data_set(list({path.absolute(): path for path in paths}.values()))


def _matches(given: Path) -> list[Path]:
    if is_zarr(given):
        return _zarr_images(given)
    if given.is_file():
        return [given]
    if given.is_dir():
        inside = [p for p in given.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES or is_zarr(p)]
    else:
        inside = [Path(p) for p in glob.glob(_pattern(given), recursive=True)]  # noqa: PTH207
    # hidden files are not images: macOS leaves a ._name.tif beside each name.tif on foreign disks
    images = [p for p in inside if (p.is_file() or is_zarr(p)) and not p.name.startswith(".")]
    if not images:
        raise UserError(
            f"Nothing to open at {given}",
            value="a folder without images" if given.is_dir() else "no such file",
            rule="Give images (TIFF, PNG, JPEG, OME-Zarr and others), folders of them, or patterns such "
            "as *.tif.",
            remedy="Check the spelling and the folder you are in.",
        )
    return [inside for path in sorted(images, key=_natural) for inside in _expanded(path)]


def _expanded(path: Path) -> list[Path]:
    """Return the images in a container; one that can't be read fails when its turn comes."""
    if not is_zarr(path):
        return [path]
    try:
        return _zarr_images(path)
    except UserError:
        return [path]


def _zarr_images(path: Path) -> list[Path]:
    """Return the paths of a container's images: of the fields of a plate, for example."""
    return [Path(str(place)) for place in image_places(path)]


def _pattern(given: Path) -> str:
    """Return a pattern in which the folders that exist stand for themselves: ``run[1]`` is a name."""
    folder = next((parent for parent in given.parents if parent.is_dir()), Path())
    return str(Path(glob.escape(str(folder))) / given.relative_to(folder))


def _known(path: Path) -> Path:
    """Check that a file is of a kind that can be read."""
    if path.suffix.lower() in NETWORK_SUFFIXES:
        raise UserError(
            f"{path.name} is no image but a U-Net",
            value=path.suffix,
            rule=f"Files that end in {', '.join(NETWORK_SUFFIXES)} hold the weights of a network.",
            remedy="Open it in “Load U-Net”, or give it as the model.",
        )
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise UserError(
            f"{path.name} is not an image that can be read",
            value=path.suffix or "no suffix",
            rule=f"Names of images end in {', '.join(IMAGE_SUFFIXES)}.",
            remedy="Export it as TIFF or OME-TIFF, for example from Fiji.",
        )
    return path


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key by which ``t2`` comes before ``t10``."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(1, int(x), "") if x.isdecimal() else (0, 0, x) for x in parts]
