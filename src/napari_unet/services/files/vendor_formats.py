"""Files of microscopes' own formats, read by ``bioio`` and its plug-ins where they are installed."""

from __future__ import annotations

import re
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.core.host_memory import free_memory
from napari_unet.core.image.axes import Image, check_axes
from napari_unet.core.memory_units import format_bytes
from napari_unet.services.tiff.choose import choose_image

if TYPE_CHECKING:
    from pathlib import Path

IN_EXTRA = {".czi": "bioio-czi", ".nd2": "bioio-nd2", ".lif": "bioio-lif"}
"""Plug-ins that come with the extra ``bioio``, by the suffix that they read."""

PLUGINS = {
    **IN_EXTRA,
    **dict.fromkeys([".dv", ".r3d"], "bioio-dv"),
    ".sldy": "bioio-sldy",
    **dict.fromkeys([".ims", ".oib", ".oif", ".oir", ".vsi", ".lei", ".zvi"], "bioio-bioformats"),
    **dict.fromkeys([".xdce", ".mvd2", ".scn", ".obf", ".msr"], "bioio-bioformats"),
}
"""The plug-in that reads a file, by its suffix."""


def vendor_scenes(path: Path) -> int:
    """Count the images (scenes) of a file.

    Raises
    ------
    UserError
        As `open_vendor_file`.
    """
    return len(_file(path).scenes)


def open_vendor_file(path: Path, axes: str | None, series: int | None) -> Image:
    """Open an image of a file; its pixels are read later.

    Raises
    ------
    UserError
        When the plug-in is missing, the file can't be read, or it has several images of which none is
        chosen.
    """
    file = _file(path)
    file.set_scene(choose_image(path, list(map(str, file.scenes)), series))
    return _image(path, file, axes)


def _image(path: Path, file: Any, axes: str | None) -> Image:
    letters = str(file.dims.order).upper()
    data = _whole(path, file) if "S" in letters else file.dask_data
    # time, channel and depth are always there, also where there is only one of each
    single = tuple(
        0 if a in "TCZ" and n == 1 else slice(None)
        for a, n in zip(letters, data.shape, strict=True)
    )
    data = data[single]
    kept = "".join(a for a, k in zip(letters, single, strict=True) if k != 0 or a not in "TCZ")
    letters = axes.strip().upper() if axes else kept
    check_axes(letters, data.shape)
    sizes = file.physical_pixel_sizes
    scale = {a: float(size) for a in "ZYX" if (size := getattr(sizes, a, None)) and a in letters}
    names = tuple(map(str, file.channel_names or ()))
    image = Image(data, letters, scale, "micrometer" if scale else "pixel", path.stem)
    fits = len(names) == image.n_channels > 1 and len(set(names)) == len(names)
    return Image(data, letters, scale, image.unit, path.stem, names if fits else ())


def _whole(path: Path, file: Any) -> Any:
    """Read an image with colours at once, red first.

    Window by window bioio-czi 3.0 gives the first colour thrice; and it leaves them as CZI files store
    them, blue first.
    """
    lazy, most = file.dask_data, free_memory() // 2
    size = prod(lazy.shape) * lazy.dtype.itemsize
    if size > most:
        raise UserError(
            f"{path.name} is too large for this computer",
            value=format_bytes(size),
            rule=f"Colours must fit into half of the free memory, {format_bytes(most)}.",
            remedy="Export it as OME-TIFF, which is read in parts.",
        )
    return file.data[..., ::-1] if path.suffix.lower() == ".czi" else file.data


def _file(path: Path) -> Any:
    """Open a file with bioio; say what to install where that or the plug-in is missing."""
    plugin = PLUGINS[path.suffix.lower()]
    extra = path.suffix.lower() in IN_EXTRA
    try:
        bioio = import_module("bioio")
        reader = import_module(plugin.replace("-", "_")).Reader
    except ImportError as error:
        line = '"napari-unet-studio[bioio]"' if extra else f"bioio {plugin}"
        raise UserError(
            f"Reading {path.suffix} files needs a package that is not installed",
            value=path.name,
            rule=f"They are read by bioio with its plug-in {plugin}.",
            remedy=f"Install it: pip install {line}. Or export the image as OME-TIFF.",
        ) from error
    try:
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}")
        return bioio.BioImage(path, reader=reader)
    except Exception as error:
        # a plug-in may raise anything
        raise UserError(
            f"{path.name} can't be read",
            value=re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:300],
            rule=f"It must be a complete file that {plugin} can read.",
            remedy="Copy it again, or export it as OME-TIFF.",
        ) from error
