"""Normalisation against what numpy gives for the whole array in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.errors import UserError
from napari_unet.core.image import ranks
from napari_unet.core.image.axes import Image
from napari_unet.core.image.blocks import blocks
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import AffineNormalization, Normalization
from napari_unet.core.image.statistics import measure
from napari_unet.core.progress import Progress, finish

EPSILON = 1e-6


@pytest.fixture(autouse=True)
def _many_small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "__defaults__", (100,))


def stack(dtype, seed=0, offset=0.0, spread=40.0, shape=(3, 2, 17, 23)):
    """Frames of a T C Y X stack whose two channels differ."""
    values = np.random.default_rng(seed).gamma(2, spread, shape) + offset
    values[:, 1] *= 1.5
    if np.dtype(dtype).kind == "b":
        return values > np.median(values)
    if np.dtype(dtype).kind in "iu":
        top = np.iinfo(dtype).max
        return np.clip(np.rint(values), 0, top).astype(dtype)
    return values.astype(dtype)


def frames_of(data, axes="TCYX"):
    return frames(Image(data, axes), "YX", range(data.shape[1] if "C" in axes else 1))


def normalised(normalization, several):
    affine = finish(measure(normalization, several))
    whole = tuple(slice(0, n) for n in several[0].shape)
    return np.stack([affine(f.read(whole)) for f in several])


def per_channel(function, data, each=True):
    """A statistic of a T C Y X array, shaped to broadcast with it."""
    found = [function(data[:, c].astype(float)) for c in range(2)]
    together = function(data.astype(float))
    return np.reshape(found if each else [together] * 2, (1, 2, 1, 1))


TYPES = ["bool", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64"]


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("dtype", TYPES)
def test_zscore(dtype, each):
    data = stack(dtype)
    found = normalised(Normalization(kind="zscore", per_channel=each), frames_of(data))
    mean, deviation = per_channel(np.mean, data, each), per_channel(np.std, data, each)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (data - mean) / (deviation + EPSILON), rtol=0, atol=2e-6)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("low", "high"), [(1, 99.8), (0, 100), (25, 50)])
def test_percentile(dtype, each, low, high, held, monkeypatch):
    if not held:
        monkeypatch.setattr(ranks, "MAX_HELD_PIXELS", 0)
    data = stack(dtype)
    chosen = Normalization(kind="percentile", per_channel=each, low=low, high=high)
    affine = finish(measure(chosen, frames_of(data)))
    bottom = per_channel(lambda x: np.percentile(x, low), data, each).ravel()
    top = per_channel(lambda x: np.percentile(x, high), data, each).ravel()
    width = 1 / np.array(affine.gain) - EPSILON
    start = -np.array(affine.offset) / affine.gain
    allowed = 1e-9 * per_channel(np.ptp, data, each).ravel()
    assert (np.abs(start - bottom) <= allowed).all()
    assert (np.abs(start + width - top) <= allowed).all()


@pytest.mark.parametrize(("top", "divisor"), [(200, 255), (2, 255), (1, 1)])
def test_divide_255_looks_at_the_highest_value(top, divisor):
    data = np.zeros((1, 2, 17, 23), np.uint8)
    data[0, 1, 16, 22] = top
    found = normalised(Normalization(kind="divide_255"), frames_of(data))
    np.testing.assert_allclose(found, data / divisor, rtol=1e-6)


@pytest.mark.parametrize("gain", [(2.5,), (2.5, 0.0)])
def test_linear(gain):
    data = stack("uint16")
    found = normalised(Normalization(kind="linear", gain=gain, offset=(-3.0, 7.0)), frames_of(data))
    expected = data * np.reshape(gain, (1, -1, 1, 1)) + np.reshape([-3.0, 7.0], (1, 2, 1, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_clip():
    data = stack("float32")
    plain = normalised(Normalization(), frames_of(data))
    clipped = normalised(Normalization(clip=(0, 1)), frames_of(data))
    assert plain.min() < 0
    assert plain.max() > 1
    np.testing.assert_array_equal(clipped, plain.clip(0, 1))


@pytest.mark.parametrize("kind", ["zscore", "percentile"])
def test_the_scope_is_the_frames_measured_together(kind):
    data = stack("float32")
    data[1] += 1000
    several = frames_of(data)
    apart = [normalised(Normalization(kind=kind), [f]) for f in several]
    together = normalised(Normalization(kind=kind), several)
    np.testing.assert_allclose(apart[0].std(), apart[1].std(), rtol=0.3)
    assert apart[1].min() < 0.1  # by itself a bright plane starts at 0 or below
    assert together[1].min() > together[0].max()


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
@pytest.mark.parametrize("kind", ["zscore", "percentile"])
def test_large_offsets_cost_no_precision(dtype, kind):
    data = stack(dtype, offset=1e6)
    found = normalised(Normalization(kind=kind, low=0, high=100), frames_of(data))
    oracle = {
        "zscore": (per_channel(np.mean, data), per_channel(np.std, data)),
        "percentile": (per_channel(np.min, data), per_channel(np.ptp, data)),
    }
    start, width = oracle[kind]
    np.testing.assert_allclose(found, (data - start) / (width + EPSILON), rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0, 1, 200])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
@pytest.mark.parametrize("kind", ["zscore", "percentile"])
def test_a_constant_image_becomes_zero(kind, dtype, value):
    data = np.full((1, 2, 17, 23), value, dtype)
    found = normalised(Normalization(kind=kind), frames_of(data))
    np.testing.assert_allclose(found, 0, atol=1e-3)


def test_a_block_is_normalised_as_the_whole_is():
    data = stack("float32")
    affine = finish(measure(Normalization(), frames_of(data)))
    whole = affine(data[0])
    np.testing.assert_array_equal(affine(data[0][:, 3:9, 5:20]), whole[:, 3:9, 5:20])


def test_a_volume_is_measured_whole():
    data = stack("uint16").swapaxes(0, 1)  # C Z Y X
    (volume,) = frames(Image(data, "CZYX"), "ZYX", (0, 1))
    found = normalised(Normalization(kind="zscore"), [volume])[0]
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), 1, atol=1e-5)


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("kind", ["divide_255", "zscore", "percentile"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -3.4e38])
def test_pixels_without_data_do_not_count(kind, bad, each):
    data = stack("float32")
    broken = data.copy()
    broken[2, 1, 16, :] = bad
    normalization = Normalization(kind=kind, per_channel=each)
    shorter = [normalised(normalization, frames_of(data[t : t + 1, :, :16])) for t in range(3)]
    found = normalised(normalization, frames_of(broken)[2:])
    assert (found[0, 1, 16] == 0).all()
    if each:
        np.testing.assert_allclose(found[0, 1, :16], shorter[2][0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "linear", "gain": (1.0, 2.0, 3.0)}, "gains .* 3 for 2"),
        ({"kind": "linear", "offset": (1.0, 2.0, 3.0)}, "offsets .* 3 for 2"),
        ({"kind": "percentile", "low": 99, "high": 1}, "wrong way round"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        finish(measure(Normalization(**wrong), frames_of(stack("uint8"))))


def test_progress_comes_after_each_block_and_ends_full():
    seen = list(measure(Normalization(kind="zscore"), frames_of(stack("uint8"))))
    assert all(isinstance(p, Progress) for p in seen)
    assert len(seen) == 3 * 5  # 17 rows of 23 pixels, 4 rows to a block
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].fraction == 1


def test_blocks_cover_every_pixel_once_within_the_limit():
    for shape in [(1, 1), (7, 13), (3, 7, 13), (5, 1, 300), (2, 200, 3)]:
        seen = np.zeros(shape, int)
        for box in blocks(shape, 50):
            seen[box] += 1
            assert seen[box].size <= max(50, shape[-1])
        assert (seen == 1).all()


def test_an_affine_map_of_rows_and_volumes():
    twice = AffineNormalization((2.0,), (1.0,))
    for shape in [(1, 3), (1, 2, 3), (1, 2, 2, 3)]:
        np.testing.assert_array_equal(twice(np.ones(shape, np.uint8)), np.full(shape, 3))
