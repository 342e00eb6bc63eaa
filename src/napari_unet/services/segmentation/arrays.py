"""Arrays for results: in memory where there is room, else in a temporary file."""

from __future__ import annotations

import os
import tempfile
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.host_memory import free_memory
from napari_unet.core.memory_units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

MEMORY_SHARE = 0.5
"""A result that takes more than this part of the free memory goes to disk."""


def zeros(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of zeros, in memory or in a temporary file that goes with the array.

    Parameters
    ----------
    shape, dtype
        As for `numpy.zeros`.

    Raises
    ------
    UserError
        When neither memory nor disk has room for it.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= MEMORY_SHARE * free_memory():
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        try:
            if hasattr(os, "posix_fallocate"):
                # else a full disk would end the program when a pixel is written
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=dtype, mode="w+", shape=tuple(shape))
        except OSError as error:
            raise UserError(
                "There is no room for the result",
                value=f"{format_bytes(size)}: {error.strerror}",
                rule=f"It must fit into half of the free memory, or into {tempfile.gettempdir()}.",
                remedy="Free some space, or set TMPDIR to a folder with more.",
            ) from error
