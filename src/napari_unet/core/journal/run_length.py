"""Run-length coding of changed pixels: brush strokes consist of runs of equal values."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD = struct.Struct("<QBBB")


def pack_pixels(indices: NDArray[np.int64], values: NDArray[Any]) -> bytes:
    """Encode which pixels have which values.

    Parameters
    ----------
    indices
        Flat indices of the pixels, strictly ascending.
    values
        An integer for each.

    Returns
    -------
    bytes
        For `unpack_pixels`. A round dab 20 pixels wide takes about 100 bytes.
    """
    if not len(indices):
        return b""
    breaks = (np.diff(indices) != 1) | (np.diff(values) != 0)
    first = np.flatnonzero(np.concatenate([[True], breaks]))
    starts, lengths = indices[first], np.diff(np.append(first, len(indices)))
    # from one run to the next: small numbers, similar from row to row
    gaps = np.diff(starts, prepend=0)
    gaps[1:] -= lengths[:-1]
    parts = [_narrowest(gaps), _narrowest(lengths), _unsigned(values[first])]
    head = _HEAD.pack(len(first), *(part.itemsize for part in parts))
    return zlib.compress(head + b"".join(_shuffled(part) for part in parts))


def unpack_pixels(
    packed: bytes, dtype: np.dtype[Any], size: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Decode the bytes from `pack_pixels`.

    Parameters
    ----------
    packed
        The bytes.
    dtype
        Type of the values.
    size
        Number of pixels in the array.

    Returns
    -------
    indices, values
        As `pack_pixels` got them.

    Raises
    ------
    ValueError
        When the bytes can't come from an array of this size and dtype.
    """
    if not packed:
        return np.zeros(0, np.int64), np.zeros(0, dtype)
    try:
        # a run takes at most 8 bytes for each of its three numbers, and a pixel or more
        raw = _unzipped(packed, _HEAD.size + 24 * max(size, 1))
        count, *sizes = _HEAD.unpack_from(raw)
    except (zlib.error, struct.error) as error:
        raise ValueError("not packed pixels") from error
    if len(raw) != _HEAD.size + count * sum(sizes) or not count or sizes[2] != dtype.itemsize:
        raise ValueError("packed pixels of another kind")
    parts, offset = [], _HEAD.size
    for width in sizes:
        parts.append(_unshuffled(raw[offset : offset + count * width], width))
        offset += count * width
    gaps, lengths = parts[0].astype(np.int64), parts[1].astype(np.int64)
    starts = np.cumsum(gaps) + np.cumsum(lengths) - lengths
    if gaps.min() < 0 or lengths.min() < 1 or starts.min() < 0 or starts[-1] + lengths[-1] > size:
        raise ValueError("packed pixels beyond the array")
    inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    values = np.repeat(parts[2].view(dtype.newbyteorder("<")).astype(dtype), lengths)
    return np.repeat(starts, lengths) + inside, values


def _unzipped(packed: bytes, limit: int) -> bytes:
    """Decompress bytes that must not become more than `limit`: a few may stand for gigabytes."""
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, limit)
    if not unpacker.eof:
        raise ValueError("packed pixels beyond the array")
    return raw


def _narrowest(numbers: NDArray[np.int64]) -> NDArray[Any]:
    """Return non-negative numbers in the narrowest dtype."""
    return numbers.astype(np.min_scalar_type(int(numbers.max())).newbyteorder("<"))


def _unsigned(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<")).view(f"<u{values.dtype.itemsize}")


def _shuffled(numbers: NDArray[Any]) -> bytes:
    """Put the low bytes of all numbers together, then the next ones: this compresses better."""
    return numbers.view(np.uint8).reshape(-1, numbers.itemsize).T.tobytes()


def _unshuffled(raw: bytes, width: int) -> NDArray[Any]:
    if width not in (1, 2, 4, 8):
        raise ValueError("numbers of an unknown width")
    transposed = np.frombuffer(raw, np.uint8).reshape(width, -1).T
    return np.ascontiguousarray(transposed).reshape(-1).view(f"<u{width}")
