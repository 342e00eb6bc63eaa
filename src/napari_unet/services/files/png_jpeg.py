"""PNG and JPEG files as images; they are decoded as a whole, when pixels are first asked for."""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.colour import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PNG, JPEG = (".png",), (".jpg", ".jpeg")
PICTURE_SUFFIXES = (*PNG, *JPEG)

LARGEST = 1 << 31
"""A header that states more pixels than this is damaged."""

PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Samples of a pixel by the PNG colour type; a palette (3) is expanded to colours."""


class _Header(NamedTuple):
    height: int
    width: int
    samples: int
    dtype: np.dtype[Any]


def open_picture(path: Path, axes: str | None = None, *, appearance: bool = True) -> Image:
    """Open a PNG or JPEG file.

    Parameters
    ----------
    path
        The file.
    axes
        A letter for each axis, in place of Y X, or Y X S for colours.
    appearance
        False: as labels, whose three colours are equal or stand for numbers in a palette.

    Raises
    ------
    UserError
        When the file can't be read, or `axes` don't fit it. Damaged pixels raise it when they are read.
    """
    try:
        header = _read_header(path)
    except OSError as error:
        raise UserError(
            f"{path.name} can't be opened",
            value=error.strerror or error,
            rule="The file must exist and you must have the right to read it.",
            remedy="Check the name, the folder and the permissions.",
        ) from error
    data: Any = _Picture(path, header) if appearance else _label_pixels(path)
    letters = axes.strip().upper() if axes else "YXS"[: len(data.shape)]
    names = SAMPLES[: header.samples] if len(data.shape) == 3 and header.samples >= 3 else ()
    return Image(data, letters, name=path.stem, channel_names=names)


class _Picture:
    """The pixels of a file, decoded when they are first read."""

    def __init__(self, path: Path, header: _Header) -> None:
        self._path = path
        colours = (3 if header.samples < 4 else 4,) if header.samples > 2 else ()
        self.shape = (header.height, header.width, *colours)
        self.dtype = header.dtype
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        pixels = _decoded(self._path)
        if pixels.shape[: self.ndim] != self.shape[: pixels.ndim]:
            raise _damaged(self._path, f"shape {pixels.shape} instead of {self.shape}")
        return pixels

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self._pixels.astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        return self._pixels[key]


def _decoded(path: Path) -> NDArray[Any]:
    """Decode a file to (Y, X), or (Y, X, 3 or 4) of colours."""
    import imagecodecs

    try:
        content = path.read_bytes()
        if path.suffix.lower() in PNG:
            pixels = imagecodecs.png_decode(content)
        else:
            pixels = imagecodecs.jpeg8_decode(content)
    except Exception as error:
        # decoding damaged data may raise anything
        raise _damaged(path, error) from error
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    n = pixels.shape[2]
    if path.suffix.lower() in JPEG and n == 4:
        return _rgb_of_cmyk(pixels)
    # grey with transparency is grey
    decoded: NDArray[Any] = pixels[..., 0] if n <= 2 else pixels
    return decoded


def _rgb_of_cmyk(pixels: NDArray[Any]) -> NDArray[Any]:
    # JPEG files hold inks inverted, as Adobe does
    light = pixels.astype(np.uint16)
    rgb: NDArray[Any] = ((light[..., :3] * light[..., 3:] + 127) // 255).astype(np.uint8)
    return rgb


def _label_pixels(path: Path) -> NDArray[Any]:
    """Return one number for each pixel: the index in a palette, or the common value of its colours."""
    if path.suffix.lower() in PNG and _colour_type(path) == 3:
        from PIL import Image as Pillow

        try:
            with Pillow.open(path) as file:
                return np.asarray(file)
        except Exception as error:
            raise _damaged(path, error) from error
    pixels = _decoded(path)
    if pixels.ndim == 3 and (pixels[..., :3] == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., 0])
    return pixels


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(26)
        if path.suffix.lower() in PNG:
            if len(start) < 26 or start[:8] != b"\x89PNG\r\n\x1a\n":
                raise _damaged(path, "not a PNG file")
            width, height, bits, colour = struct.unpack(">IIBB", start[16:26])
            dtype = np.dtype(np.uint16 if bits == 16 else np.uint8)
            header = _Header(height, width, PNG_SAMPLES.get(colour, 0), dtype)
            if colour == 3 and _has_transparency(path):
                header = header._replace(samples=4)
        else:
            file.seek(0)
            header = _jpeg_header(path, file)
    if not (header.samples and 0 < header.height * header.width <= LARGEST):
        raise _damaged(path, f"{header.height} × {header.width} pixels of {header.samples} samples")
    return header


def _colour_type(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(26)[25]


def _has_transparency(path: Path) -> bool:
    """Whether a PNG file with a palette has an alpha value for its entries."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in (b"tRNS", b"IDAT"):
                return bool(kind == b"tRNS")
            file.seek(length + 4, 1)
    return False


def _jpeg_header(path: Path, file: Any) -> _Header:
    """Find the frame header, which states the size."""
    if file.read(2) != b"\xff\xd8":
        raise _damaged(path, "not a JPEG file")
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        marker, length = head[1], int.from_bytes(head[2:], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, samples = struct.unpack(">BHHB", file.read(6).ljust(6, b"\0"))
            samples = 3 if samples == 4 else samples
            return _Header(height, width, samples if bits == 8 else 0, np.dtype(np.uint8))
        file.seek(max(length - 2, 0), 1)
    raise _damaged(path, "no frame header")


def _damaged(path: Path, error: object) -> UserError:
    return UserError(
        f"{path.name} is damaged or not supported",
        value=f"{type(error).__name__}: {error}" if isinstance(error, Exception) else error,
        rule="It must be a complete PNG or JPEG file of 8 or 16 bits.",
        remedy="Copy or export it again, for example from Fiji as TIFF.",
    )
