"""Voxel sizes as they are typed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.voxel_size import parse_voxel_size, with_voxel_size


@pytest.mark.parametrize(
    ("typed", "spatial", "sizes"),
    [
        ("0.5", "YX", (0.5, 0.5)),
        ("0.5 µm", "ZYX", (0.5, 0.5, 0.5)),
        ("2, 0.5", "ZYX", (2, 0.5, 0.5)),
        ("2 × 0.5 × 0.25 µm", "ZYX", (2, 0.5, 0.25)),
        ("2x.5x.5", "ZYX", (2, 0.5, 0.5)),
    ],
)
def test_what_is_typed_is_understood(typed, spatial, sizes):
    assert parse_voxel_size(typed, spatial) == dict(zip(spatial, sizes))


@pytest.mark.parametrize("typed", ["", "0", "-1", "nan", "a", "1 2 3 4", "1e999", "1,2,3"])
def test_what_is_none_is_refused(typed):
    with pytest.raises(UserError, match="no voxel size"):
        parse_voxel_size(typed, "YX")


def test_an_image_gets_it_whatever_it_stated():
    image = Image(np.zeros((2, 3, 4, 5)), "TZYX", {"T": 3.0, "X": 9.0}, "pixel")
    found = with_voxel_size(image, "2,0.5,0.5")
    assert found.unit == "micrometer"
    assert found.scale == {"T": 3.0, "Z": 2, "Y": 0.5, "X": 0.5}
