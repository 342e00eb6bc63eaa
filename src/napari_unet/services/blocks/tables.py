"""Tables of blocks on disk: dataclasses of arrays, whole or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.blocks.divided import DividedPart
from napari_unet.core.blocks.join import Joined
from napari_unet.core.blocks.numbers import Numbers
from napari_unet.core.blocks.pieces import PieceTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name."""
    # mypy takes the arrays for options of the function
    write: Any = np.savez_compressed
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        write(file, **arrays)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read arrays by name."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def save_pieces(path: Path, table: PieceTable) -> None:
    """Write the table of a block."""
    arrays = {n: a for n, a in vars(table).items() if not n.endswith("faces")}
    for kind in ("faces", "core_faces"):
        for axis, ends in enumerate(getattr(table, kind)):
            for end, face in enumerate(ends):
                arrays[f"{kind}-{axis}-{end}"] = face
    save_arrays(path, arrays)


def load_pieces(path: Path) -> PieceTable:
    """Read the table of a block."""
    arrays: dict[str, Any] = load_arrays(path)
    ndim = arrays["low"].shape[1]
    faces: Any = {
        kind: [(arrays.pop(f"{kind}-{a}-0"), arrays.pop(f"{kind}-{a}-1")) for a in range(ndim)]
        for kind in ("faces", "core_faces")
    }
    return PieceTable(**arrays, **faces)


def save_joined(path: Path, joined: Joined, batches: NDArray[np.int64]) -> None:
    """Write the parts of a frame, and in which batch each contested one is divided."""
    save_arrays(path, {**vars(joined), "batches": batches})


def load_joined(path: Path) -> tuple[Joined, NDArray[np.int64]]:
    """Read what `save_joined` has written."""
    arrays = load_arrays(path)
    batches = arrays.pop("batches")
    return Joined(**arrays), batches


def save_divided(path: Path, divided: Mapping[int, DividedPart]) -> None:
    """Write divided parts by their numbers."""
    arrays: dict[str, NDArray[Any]] = {"parts": np.array(list(divided), np.int64)}
    for part, each in divided.items():
        arrays |= {f"{part}-{name}": value for name, value in vars(each).items()}
    save_arrays(path, arrays)


def load_divided(path: Path) -> dict[int, DividedPart]:
    """Read divided parts by their numbers."""
    arrays = load_arrays(path)
    names = ("low", "labels", "first", "sizes")
    return {
        part: DividedPart(*(arrays[f"{part}-{name}"] for name in names))
        for part in arrays["parts"].tolist()
    }


def save_numbers(path: Path, numbers: Numbers) -> None:
    """Write the numbers of the objects of a frame."""
    arrays = {"parts": numbers.parts, "n": np.array(numbers.n)}
    arrays |= {f"divided-{part}": values for part, values in numbers.divided.items()}
    save_arrays(path, arrays)


def load_numbers(path: Path) -> Numbers:
    """Read the numbers of the objects of a frame."""
    arrays = load_arrays(path)
    divided = {
        int(name.removeprefix("divided-")): values
        for name, values in arrays.items()
        if name.startswith("divided-")
    }
    return Numbers(arrays["parts"], divided, int(arrays["n"]))
