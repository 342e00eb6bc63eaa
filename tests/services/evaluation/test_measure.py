"""Measures of objects."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import regionprops

import napari_unet.core.objects.measure as module
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.objects.measure import measure
from napari_unet.core.progress import finish


def random_labels(shape, seed=0, n=12):
    """Boxes over each other, so that objects are in pieces, and some touch the border."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint32)
    for number in rng.choice(2**32 - 1, n, replace=False) + 1:
        low = [rng.integers(0, size) for size in shape]
        labels[tuple(slice(a, a + rng.integers(1, 8)) for a in low)] = number
    return labels


def intensities(shape, seed=0, dtype=np.uint16):
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)


def numbered(labels):
    """The numbers of the objects, and labels from 1, as scikit-image needs them."""
    numbers = np.unique(labels[labels > 0])
    return numbers, np.where(labels > 0, np.searchsorted(numbers, labels) + 1, 0)


def check(columns, labels, channels, spacing, unit):
    """Compare with scikit-image; `channels` are last."""
    axes = "zyx"[-labels.ndim :]
    size = f"area_{unit}2" if labels.ndim == 2 else f"volume_{unit}3"
    numbers, consecutive = numbered(labels)
    expected = regionprops(consecutive, channels, spacing=spacing)
    assert columns["label"].tolist() == numbers.tolist()
    for i, r in enumerate(expected):
        assert columns[size][i] == pytest.approx(r.area, rel=1e-12)
        found = [columns[f"centroid_{a}_{unit}"][i] for a in axes]
        assert found == pytest.approx(r.centroid, rel=1e-12)
        diameter = columns[f"equivalent_diameter_{unit}"][i]
        assert diameter == pytest.approx(r.equivalent_diameter_area, rel=1e-12)
        for c in range(channels.shape[-1]):
            suffix = f"_{c}" if channels.shape[-1] > 1 else ""
            assert columns[f"intensity_min{suffix}"][i] == r.intensity_min[c]
            assert columns[f"intensity_max{suffix}"][i] == r.intensity_max[c]
            mean = columns[f"intensity_mean{suffix}"][i]
            assert mean == pytest.approx(r.intensity_mean[c], rel=1e-12)
        ends = zip(r.bbox[: labels.ndim], r.bbox[labels.ndim :], labels.shape, strict=True)
        assert columns["touches_border"][i] == any(a == 0 or b == n for a, b, n in ends)


@examples(30)
@given(seed=st.integers(0, 10_000), three_d=st.booleans(), channels=st.integers(1, 3))
def test_as_scikit_image_measures(seed, three_d, channels):
    shape = (7, 19, 23) if three_d else (31, 40)
    labels, pixels = random_labels(shape, seed), intensities((*shape, channels), seed)
    axes, spacing = ("ZYX", (2.0, 0.5, 0.25)) if three_d else ("YX", (0.5, 0.3))
    scale = dict(zip(axes, spacing, strict=True))
    image = Image(pixels, axes + "C", scale, "micrometer")
    check(finish(measure(image, labels)), labels, pixels, spacing, "um")


def test_real_nuclei_in_3d(shared_data):
    labels = tifffile.imread(shared_data / "nuclei-3d" / "objects.tif")
    pixels = intensities(labels.shape)
    spacing = (0.284, 0.127, 0.127)
    image = Image(pixels, "ZYX", dict(zip("ZYX", spacing)), "micrometer")
    check(finish(measure(image, labels)), labels, pixels[..., None], spacing, "um")


def test_rows_are_read_a_band_at_a_time(monkeypatch):
    labels, pixels = random_labels((60, 40), n=30), intensities((60, 40))
    image = Image(pixels, "YX")
    expected = finish(measure(image, labels))
    monkeypatch.setattr(module, "BAND", 7 * 40)
    found = finish(measure(image, labels))
    assert list(found) == list(expected)
    for name, column in expected.items():
        assert (found[name] == column).all()
        assert found[name].dtype == column.dtype


class Watched:
    """A lazy array that remembers the largest read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        found = self.array[key]
        self.most = max(self.most, found.size)
        return found


def test_stacks_are_read_plane_by_plane_and_looped_over():
    labels, pixels = random_labels((3, 5, 20, 30), n=60), intensities((3, 2, 5, 20, 30))
    image, lazy = Image(Watched(pixels), "TCZYX"), Watched(labels)
    job = measure(image, lazy)
    steps = [next(job) for _ in range(15)]
    assert all(0 <= s.done < s.total == 15 for s in steps)
    columns = finish(job)
    assert (image.data.most, lazy.most) == (2 * 600, 600)
    assert columns["t"].tolist() == sorted(columns["t"])
    for t in range(3):
        here = columns["t"] == t
        numbers = np.unique(labels[t])[1:]
        assert columns["label"][here].tolist() == numbers.tolist()
        alone = finish(measure(Image(pixels[t], "CZYX"), labels[t]))
        for name, column in alone.items():
            assert (columns[name][here] == column).all(), name


def test_objects_of_single_planes_have_their_place_in_the_stack():
    labels, pixels = random_labels((4, 20, 30)), intensities((4, 20, 30))
    columns = finish(measure(Image(pixels, "ZYX"), labels, spatial="YX"))
    assert set(columns["z"]) <= set(range(4))
    rows = [(z, r.area) for z in range(4) for r in regionprops(numbered(labels[z])[1])]
    assert list(zip(columns["z"], columns["area_px"])) == rows


@pytest.mark.parametrize(("axes", "order"), [("XYZ", (2, 1, 0)), ("YXZ", (1, 2, 0))])
def test_the_order_of_the_axes_does_not_matter(axes, order):
    labels, pixels = random_labels((5, 20, 30)), intensities((5, 20, 30))
    expected = finish(measure(Image(pixels, "ZYX"), labels))
    found = finish(measure(Image(pixels.transpose(order), axes), labels.transpose(order)))
    assert all((found[name] == column).all() for name, column in expected.items())
    assert list(found) == list(expected)


def test_columns_say_channels_and_units():
    labels, pixels = random_labels((20, 30)), intensities((2, 20, 30))

    def names(**known):
        return list(finish(measure(Image(pixels, "CYX", **known), labels)))

    micro = {"Y": 0.5, "X": 0.5}
    named = names(scale=micro, unit="micrometer", channel_names=("DAPI", "GFP"))
    assert named == [
        *("label", "area_um2", "centroid_y_um", "centroid_x_um", "equivalent_diameter_um"),
        *("intensity_mean_DAPI", "intensity_min_DAPI", "intensity_max_DAPI"),
        *("intensity_mean_GFP", "intensity_min_GFP", "intensity_max_GFP", "touches_border"),
    ]
    assert "intensity_mean_1" in names(channel_names=("GFP", "GFP"))
    assert "area_nm2" in names(scale=micro, unit="nanometer")
    for unknown in ({"Y": 0.5}, {"Y": 0.5, "X": 0}, {"Y": 0.5, "X": np.nan}):
        assert "area_px" in names(scale=unknown, unit="micrometer")
    assert "area_px" in names(scale=micro)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float16, np.float32])
def test_extremes_keep_their_type_and_sums_do_not_overflow(dtype):
    pixels = np.full((300, 300), 1, dtype) if dtype is bool else intensities((300, 300), 0, dtype)
    columns = finish(measure(Image(pixels, "YX"), np.ones((300, 300), bool)))
    assert columns["intensity_max"].dtype == dtype
    assert columns["intensity_mean"][0] == pixels.astype(float).mean()


def test_an_axis_of_length_one_has_no_border():
    labels, pixels = np.zeros((1, 9, 9), np.uint8), intensities((1, 9, 9))
    labels[0, 3:5, 3:5] = 1
    assert not finish(measure(Image(pixels, "ZYX"), labels))["touches_border"].any()


def test_no_objects_give_an_empty_table_with_the_same_columns():
    pixels = intensities((2, 3, 16, 16))
    none = finish(measure(Image(pixels, "TCYX"), np.zeros((2, 16, 16), np.int32)))
    some = finish(measure(Image(pixels, "TCYX"), np.ones((2, 16, 16), np.int32)))
    assert list(none) == list(some)
    assert {len(column) for column in none.values()} == {0}
    assert [c.dtype for c in none.values()] == [c.dtype for c in some.values()]


def test_a_hundred_thousand_objects():
    tile = np.zeros((8, 8), np.uint32)
    tile[1:7, 1:7] = 1
    labels = np.tile(tile, (320, 320))
    labels[labels > 0] += (
        np.arange(320 * 320, dtype=np.uint32)
        .repeat(36)
        .reshape(320, 320, 6, 6)
        .transpose(0, 2, 1, 3)
        .ravel()
    )
    start = time.process_time()
    columns = finish(measure(Image(intensities(labels.shape), "YX"), labels))
    assert time.process_time() - start < 5
    assert len(columns["label"]) == 102_400
    assert (columns["area_px"] == 36).all()
    assert columns["centroid_x_px"][1] == 11.5


def test_what_cannot_be_measured_is_explained():
    image = Image(intensities((20, 30)), "YX")
    with pytest.raises(UserError, match="whole numbers"):
        finish(measure(image, np.zeros((20, 30), np.float32)))
    with pytest.raises(UserError, match="another shape"):
        finish(measure(image, np.zeros((20, 31), np.uint8)))
    with pytest.raises(UserError, match="no Z axis"):
        finish(measure(image, np.zeros((20, 30), np.uint8), spatial="ZYX"))
