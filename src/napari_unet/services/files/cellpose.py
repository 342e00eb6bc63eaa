"""Labels in NumPy files, among them Cellpose's ``_seg.npy``, which are read without running code."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HARMLESS = {
    *(
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    ),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""What arrays are made with; anything else in a file is replaced by an `_Ignored`."""


class _Ignored:
    """Stands for an object that is not needed and whose class is not imported."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass

    def __setitem__(self, _: object, __: object) -> None:
        pass

    def append(self, _: object) -> None:
        """Drop an item."""

    def extend(self, _: object) -> None:
        """Drop items."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if (module, name) in HARMLESS else _Ignored


def read_npy(path: Path) -> NDArray[Any]:
    """Read the labels in a NumPy file.

    Parameters
    ----------
    path
        An array of labels, or the ``_seg.npy`` that Cellpose saves beside an image.

    Raises
    ------
    UserError
        When it is neither, or damaged.
    """
    try:
        content = _content(path)
    except (OSError, MemoryError) as error:
        raise _unreadable(path, error) from error
    except Exception as error:
        # a damaged file may raise anything
        raise _unreadable(path, f"damaged, {error}") from error
    if isinstance(content, dict):
        content = content.get("masks")
    if not isinstance(content, np.ndarray) or content.ndim < 2 or content.dtype.kind not in "biuf":
        raise _unreadable(path, "no array of labels, and no masks of Cellpose")
    return content


def _content(path: Path) -> Any:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
        shape, _, dtype = (read or np.lib.format.read_array_header_2_0)(file)
        if dtype.hasobject:
            held = _Unpickler(file).load()
            return held.item() if isinstance(held, np.ndarray) and held.shape == () else held
        size = path.stat().st_size - file.tell()
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > size:
        raise ValueError("it is shorter than its header says")
    return np.load(path, allow_pickle=False)


def _unreadable(path: Path, cause: object) -> UserError:
    return UserError(
        f"{path.name} can't be read as labels",
        value=cause,
        rule="A NumPy file holds an array of labels, or is the _seg.npy of Cellpose with its masks.",
        remedy="Save the labels again, in Cellpose with File ▸ Save masks as PNG/tif.",
    )
