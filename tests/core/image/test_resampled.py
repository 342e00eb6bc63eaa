"""Images at another size: pixels without data take no part in the means."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.image.resample import Resampled


def test_pixels_without_data_are_left_out_of_the_means():
    image = np.full((8, 8), 5.0, np.float32)
    image[:4, :4] = np.nan
    image[6, 6] = np.nan
    found = Resampled(image, (4, 4))[:, :]
    assert np.isnan(found[:2, :2][0, 0])
    assert found[3, 3] == pytest.approx(5)
    assert np.nanmax(np.abs(found - 5)) < 1e-5
    # a value that stands for no data is one of them
    known = Resampled(np.nan_to_num(image, nan=-1), (4, 4), nodata=-1)[:, :]
    np.testing.assert_array_equal(known, found)
