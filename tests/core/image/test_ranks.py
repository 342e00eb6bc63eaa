"""Percentiles of any type and number of pixels, and the limits that outliers exceed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.image import ranks
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.image.percentiles import percentiles
from napari_unet.core.image.resample import Resampled
from napari_unet.core.image.statistics import measure
from napari_unet.core.progress import finish

TYPES = [
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", ">u2", ">f4", ">i4"),
]


@st.composite
def pixels(draw):
    """Pixels of any type and range, negative, subnormal and huge ones among them."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 40)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if dtype.kind == "f":
        top = min(float(np.finfo(dtype).max), 1e38)
        sizes = np.exp(random.uniform(-100, np.log(top), shape)) * random.choice([-1, 0, 1], shape)
        return sizes.astype(dtype)
    if dtype.kind == "b":
        return random.random(shape) > 0.3
    info = np.iinfo(dtype)
    narrow = draw(st.booleans())
    high = min(info.max, info.min + 300) if narrow else info.max
    return random.integers(info.min, high, shape, dtype.newbyteorder("="), True).astype(dtype)


@given(pixels(), st.floats(0, 49), st.floats(51, 100), st.booleans(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_percentiles_are_those_of_numpy(data, low, high, held, gaps):
    if data.dtype.kind == "f":
        data.ravel()[:gaps] = np.nan
    values = data[~np.isnan(data)] if data.dtype.kind == "f" else data
    chosen = Normalization(low=low, high=high)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "MAX_HELD_PIXELS", 1 << 22 if held else 0)
        found = finish(percentiles(frames(Image(data, "YX"), "YX", [0]), chosen))
    if not values.size:
        assert (found.low, found.width) == (0, 1)
        return
    expected = np.percentile(values.astype(np.float64), (low, high))
    if np.isfinite(found.limits).any():  # outliers don't count
        return
    assert found.low[0] == expected[0]
    assert found.width[0] == expected[1] - expected[0]


@pytest.mark.parametrize("dtype", [np.float32, np.uint32])
def test_an_outlier_does_not_widen_the_bins(dtype, monkeypatch):
    monkeypatch.setattr(ranks, "MAX_HELD_PIXELS", 0)
    data = np.random.default_rng(0).integers(0, 250, (300, 300)).astype(dtype)
    data[5, 5] = 4e9
    found = finish(percentiles(frames(Image(data, "YX"), "YX", [0]), Normalization()))
    expected = np.percentile(data.astype(float), (1, 99.8))
    assert [found.low[0], found.low[0] + found.width[0]] == pytest.approx(list(expected))


def cells():
    """A dim plane with a few bright objects."""
    data = np.random.default_rng(1).normal(100, 5, (200, 200))
    data[20:40, 20:40] += 400
    data[100:103, 100:107] += 900
    return data.astype(np.float32)


def normalised(data, source=None):
    several = frames(Image(data if source is None else source, "YX"), "YX", [0])
    affine = finish(measure(Normalization(), several))
    return affine(data[None])[0]


@pytest.mark.parametrize("places", [[(60, 60)], [(60, 60), (61, 60), (150, 9), (9, 150), (1, 1)]])
@pytest.mark.parametrize("value", [65_535, -60_000, 1e20])
def test_outliers_are_limited_and_change_no_other_pixel(places, value):
    data = cells()
    clean = normalised(data)
    for place in places:
        data[place] = value
    found = normalised(data)
    others = np.ones(data.shape, bool)
    others[tuple(np.transpose(places))] = False
    np.testing.assert_allclose(found[others], clean[others], atol=1e-3)
    assert clean.min() - 1e-3 <= found.min()
    assert found.max() <= clean.max() + 1e-3


def test_small_bright_objects_are_no_outliers():
    data = cells()
    assert not finish(measure(Normalization(), frames(Image(data, "YX"), "YX", [0]))).limits


@pytest.mark.parametrize("kind", ["linear", "divide_255", "zscore", "percentile"])
def test_values_beyond_float32_warn_nobody(kind):
    data = np.random.default_rng(0).random((20, 20)) * 3e38
    several = frames(Image(data, "YX"), "YX", [0])
    affine = finish(measure(Normalization(kind=kind, gain=(1e9,)), several))
    assert np.isfinite(affine(data[None])).all()


@pytest.mark.parametrize("factor", [0.4, 0.8, 1.7, 3.0])
def test_outliers_are_limited_in_resampled_images_too(factor):
    data = cells()
    shape = tuple(round(n * factor) for n in data.shape)
    clean = normalised(Resampled(data, shape)[:, :], Resampled(data, shape))
    data[60, 60] = 1e10
    found = normalised(Resampled(data, shape)[:, :], Resampled(data, shape))
    y, x = np.mgrid[: shape[0], : shape[1]]
    reach = 2 * max(factor, 1)
    others = (abs(y - 60 * factor) > reach) | (abs(x - 60 * factor) > reach)
    np.testing.assert_allclose(found[others], clean[others], atol=0.02)
    assert found.max() <= clean.max() + 0.02


@pytest.mark.parametrize("dtype", [np.float32, np.uint32])
def test_one_hot_pixel_in_more_than_four_million(dtype):
    """A histogram of equal bins between the extremes would put all other pixels into the first one."""
    side = 2064
    data = np.random.default_rng(0).integers(100, 400, (side, side)).astype(dtype)
    assert data.size > ranks.MAX_HELD_PIXELS
    clean = np.percentile(data.astype(np.float64), (1, 99.8))
    data[1000, 1000] = 4e9
    found = finish(percentiles(frames(Image(data, "YX"), "YX", [0]), Normalization()))
    assert [found.low[0], found.low[0] + found.width[0]] == pytest.approx(list(clean), abs=1)
    assert np.isfinite(found.limits[0, 1])
