"""Which objects of a layer a person has accepted: kept with the layer, also in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.objects.measure import Columns

ACCEPTED = "napari_unet_accepted"
"""Key of a labels layer's metadata: number and place along looped axes of each accepted object."""


def accepted_rows(layer: Any, columns: Columns) -> NDArray[np.bool_]:
    """Return which rows of a list are accepted."""
    noted = set(map(tuple, layer.metadata.get(ACCEPTED, ())))
    return np.array([key in noted for key in _keys(columns)], bool)


def accept(layer: Any, columns: Columns, row: int) -> None:
    """Note that an object is right."""
    noted = [*layer.metadata.get(ACCEPTED, ()), list(_keys(columns)[row])]
    layer.metadata = {**layer.metadata, ACCEPTED: noted}


def take_back(layer: Any, columns: Columns, row: int) -> None:
    """Note that an object is to be looked at again."""
    key = _keys(columns)[row]
    noted = [each for each in layer.metadata.get(ACCEPTED, ()) if tuple(each) != key]
    layer.metadata = {**layer.metadata, ACCEPTED: noted}


def _keys(columns: Columns) -> list[tuple[int, ...]]:
    """Return what tells the objects apart; one without a number by its centre."""
    loops = [np.asarray(columns[name]).tolist() for name in columns if len(name) == 1]
    numbers = np.asarray(columns["label"]).tolist()
    keys = list(zip(numbers, *loops, strict=True))
    centres = [columns[name] for name in columns if name.startswith("centroid")]
    return [
        key if key[0] else (*key, *(round(float(where[i])) for where in centres))
        for i, key in enumerate(keys)
    ]
