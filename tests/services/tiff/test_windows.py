"""Windows of TIFF files: any index that NumPy takes, with a cache that does not grow."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.services.files.images import open_image
from napari_unet.services.tiff.reader import window
from napari_unet.services.tiff.stack import Cache

PIXELS = np.random.default_rng(0).integers(0, 999, (3, 40, 50), np.uint16)


@pytest.fixture(params=["plain", "tiles"])
def data(request, tmp_path):
    path = tmp_path / "a.tif"
    how = {"compression": "zlib", "tile": (16, 16)} if request.param == "tiles" else {}
    tifffile.imwrite(path, PIXELS, photometric="minisblack", metadata={"axes": "ZYX"}, **how)
    return open_image(path).data


@pytest.mark.parametrize(
    "index",
    [
        np.s_[1],
        np.s_[-1, 3:9],
        np.s_[..., 7],
        np.s_[:, ::-1, 5:30:4],
        np.s_[2:1],
        np.s_[:, 9:9, :],
    ],
    ids=str,
)
def test_a_window_is_that_of_the_array(data, index):
    assert len(data) == 3
    found = data[index]
    np.testing.assert_array_equal(found, PIXELS[index])
    assert found.shape == PIXELS[index].shape


@pytest.mark.parametrize("index", [np.s_[0, 0, 0, 0], np.s_[3], np.s_[0, -41]])
def test_an_index_outside_is_refused_as_numpy_does(index):
    with pytest.raises(IndexError):
        PIXELS[index]
    with pytest.raises(IndexError):
        window(index, PIXELS.shape)


def test_of_what_was_decoded_the_last_is_kept():
    cache = Cache()
    chunk = np.zeros(100, np.uint8)
    cache.limit = 250
    for i in range(3):
        cache[0, i] = chunk
    # twice the same counts once
    cache[0, 2] = chunk
    assert [cache[0, i] is chunk for i in range(3)] == [False, True, True]
    # one is kept, however large
    cache[1, 0] = np.zeros(999, np.uint8)
    assert cache[1, 0] is not None
    assert cache[0, 2] is None
