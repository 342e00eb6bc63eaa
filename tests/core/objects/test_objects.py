"""Objects from maps."""

from __future__ import annotations

import tracemalloc

import cc3d
import numpy as np
import pytest
import tifffile
import torch
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from shapes import ellipses

from napari_unet.core.errors import UserError
from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.objects.find import connected_objects, find_objects, to_uint8
from napari_unet.core.objects.watershed import divide
from napari_unet.core.sampling.object_targets import object_targets


def ideal(labels, spacing=()):
    """The maps that a perfect network gives."""
    found = object_targets(
        torch.from_numpy(labels.astype(np.int32))[None], objects=True, spacing=spacing
    )
    return found.maps[0].numpy()


def blurred(labels, seed=0):
    """Outputs as a network gives them: soft, and a little wrong everywhere."""
    rng = np.random.default_rng(seed)
    maps = ndimage.gaussian_filter(ideal(labels), (0, *[0.7] * labels.ndim))
    return np.clip(maps + ndimage.gaussian_filter(rng.normal(0, 0.3, maps.shape), (0, 2, 2)), 0, 1)


def ap(found, labels, threshold=0.5):
    return float(ObjectScores.of(Overlaps.of(found, labels), (threshold,)).pooled.ap[0, 0])


def alike(one, other):
    """Whether two label images are the same but for the numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(one)) == len(np.unique(other))


@examples(40)
@given(seed=st.integers(0, 10_000))
def test_numbers_are_consecutive_and_objects_hang_together(seed):
    found = find_objects(blurred(ellipses(seed, n=8), seed))
    numbers = np.unique(found[found > 0])
    assert numbers.tolist() == list(range(1, len(numbers) + 1))
    first = [np.flatnonzero(found == n)[0] for n in numbers]
    assert first == sorted(first)
    for n in numbers:
        assert ndimage.label(found == n)[1] == 1


@examples(40)
@given(seed=st.integers(0, 10_000), top=st.integers(1, 9), left=st.integers(1, 9))
def test_where_in_the_image_objects_lie_does_not_matter(seed, top, left):
    maps = blurred(ellipses(seed, n=8), seed)
    found = find_objects(np.pad(maps, ((0, 0), (1, 1), (1, 1))))
    moved = find_objects(np.pad(maps, ((0, 0), (top, 5), (left, 3))))
    assert alike(moved[top:-5, left:-3], found[1:-1, 1:-1])


def test_real_nuclei_come_back_from_ideal_maps(shared_data):
    paths = sorted((shared_data / "nuclei-dsb2018" / "masks").iterdir())[::25]
    scores = ObjectScores.zero()
    for path in paths:
        labels = tifffile.imread(path).astype(np.int32)
        scores += ObjectScores.of(Overlaps.of(find_objects(ideal(labels)), labels))
    assert scores.pooled.ap[0, 0] > 0.97


def test_touching_discs_are_told_apart_and_nothing_is_lost():
    y, x = np.mgrid[:40, :80]
    labels = np.zeros((40, 80), np.int32)
    for i, c in enumerate((15, 34, 53), 1):
        labels[(y - 20) ** 2 + (x - c) ** 2 < 100] = i
    labels[2, 60:73] = 4  # so thin that it has no core
    labels[37, 70:73] = 5
    everything = ObjectOptions(smallest=0)
    assert alike(find_objects(ideal(labels), everything), labels)
    # by default, specks are left out
    assert find_objects(ideal(labels)).max() == 4


def test_the_noise_of_a_network_does_not_divide_objects():
    labels = np.zeros((60, 200), np.int32)
    y, x = np.mgrid[:60, :200]
    for i, c in enumerate((30, 80, 110, 160), 1):  # the two in the middle touch
        labels[(y - 30) ** 2 + (x - c) ** 2 < 16**2] = i
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 0.08, (3, 60, 200))
        found = find_objects(np.clip(ideal(labels) + noise, 0, 1), ObjectOptions(smallest=10))
        assert found.max() == 4, seed
        assert ap(found, labels) == 1


def test_rounding_in_the_network_changes_nothing(shared_data):
    labels = tifffile.imread(sorted((shared_data / "nuclei-dsb2018" / "masks").iterdir())[3])
    maps = blurred(labels.astype(np.int32))
    rng = np.random.default_rng(1)
    expected = find_objects(maps)
    assert expected.max() > 5
    for _ in range(3):
        assert (find_objects(maps + rng.normal(0, 1e-7, maps.shape)) == expected).all()


def test_levels_say_the_same_as_numbers():
    maps = blurred(ellipses(7))
    assert (find_objects(to_uint8(maps)) == find_objects(maps)).all()


def test_small_objects_are_left_out_by_physical_size():
    labels = np.zeros((30, 30), np.int32)
    labels[2:6, 2:6], labels[10:20, 10:20] = 1, 2
    mask = labels > 0
    assert connected_objects(mask, ObjectOptions(smallest=16)).max() == 2
    assert connected_objects(mask, ObjectOptions(smallest=17)).max() == 1
    # 16 pixels of half a micrometer are 4 square micrometers
    assert connected_objects(mask, ObjectOptions(smallest=4.1), (0.5, 0.5)).max() == 1
    assert connected_objects(mask, ObjectOptions(smallest=3.9), (0.5, 0.5)).max() == 2


def test_holes_are_filled_but_not_bays_nor_gaps_between_objects():
    mask = np.ones((9, 20), bool)
    mask[3:5, 3:5] = False  # a hole
    mask[0:4, 15] = False  # a bay
    found = connected_objects(mask)
    assert (found[3:5, 3:5] == 1).all()
    assert (found[0:4, 15] == 0).all()
    assert (connected_objects(mask, ObjectOptions(fill_holes=False)) == mask).all()


def test_holes_are_filled_in_a_volume_of_one_plane_too():
    mask = np.ones((1, 9, 9), bool)
    mask[0, 4, 4] = False
    assert connected_objects(mask).all()


def test_a_gap_that_two_objects_shut_in_stays():
    labels = np.zeros((20, 40), np.int32)
    labels[2:18, 2:20], labels[2:18, 20:38] = 1, 2
    labels[8:12, 18:22] = 0
    found = find_objects(ideal(labels))
    assert found.max() == 2
    assert (found[9:11, 19:21] == 0).all()


def test_volumes_with_deep_voxels():
    z, y, x = np.mgrid[:14, :40, :70]
    labels = np.zeros(z.shape, np.int32)
    for i, c in enumerate((20, 45), 1):
        labels[(3 * (z - 7)) ** 2 + (y - 20) ** 2 + (x - c) ** 2 < 15**2] = i
    assert alike(find_objects(ideal(labels, (3.0, 1.0, 1.0))), labels)


def test_real_nuclei_in_3d(shared_data):
    labels = tifffile.imread(shared_data / "nuclei-3d" / "objects.tif").astype(np.int32)
    found = find_objects(ideal(labels, (0.284, 0.127, 0.127)))
    assert ap(found, labels) > 0.9


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (8, 16, 16)])
def test_no_object_and_one_that_is_everything(shape):
    nothing = np.zeros((3, *shape), np.float32)
    assert not find_objects(nothing).any()
    everything = np.stack([np.ones(shape), np.zeros(shape), np.ones(shape)])
    assert (find_objects(everything, ObjectOptions(smallest=0)) == 1).all()


def test_a_hundred_thousand_objects():
    tile = np.zeros((8, 8))
    tile[1:7, 1:7] = 1
    mask = np.tile(tile, (320, 320))
    maps = np.stack([mask, np.zeros_like(mask), ndimage.minimum_filter(mask, 3)])
    assert find_objects(maps).max() == 102_400


def test_bad_maps_are_explained():
    maps = np.zeros((3, 8, 8), np.float32)
    maps[0, 2, 2] = np.nan
    with pytest.raises(UserError, match="not numbers"):
        find_objects(maps)
    with pytest.raises(UserError, match="not the maps of objects"):
        find_objects(np.zeros((2, 8, 8)))
    for spacing in ((0, 1), (-1, 1), (np.inf, 1)):
        with pytest.raises(UserError, match="pixel size"):
            find_objects(np.zeros((3, 8, 8)), ObjectOptions(smallest=2), spacing)


def test_components_join_by_edges_as_elsewhere():
    mask = np.eye(4, dtype=bool)
    assert (
        connected_objects(mask, ObjectOptions(smallest=0)).max()
        == cc3d.connected_components(mask, connectivity=4).max()
        == 4
    )


@pytest.mark.parametrize("batch", [1, 5000, 1 << 16])
def test_what_else_is_in_the_image_does_not_matter(monkeypatch, batch):
    monkeypatch.setattr("napari_unet.core.objects.watershed.BATCH_PIXELS", batch)
    rng = np.random.default_rng(0)
    # coarse levels, so that many pixels could as well belong to one core as to another
    crops = [np.round(blurred(ellipses(seed, n=12), seed) * 5) / 5 for seed in range(12)]
    options = ObjectOptions(fill_holes=False)
    padded = [np.pad(crop, ((0, 0), (1, 1), (1, 1))) for crop in crops]
    alone = [find_objects(crop, options) for crop in padded]
    for _ in range(3):
        order = rng.permutation(len(crops))
        whole = find_objects(np.concatenate([padded[i] for i in order], axis=2), options)
        for i, found in zip(order, np.split(whole, len(crops), axis=1)):
            assert alike(found, alone[i])


def test_upright_and_lying_bars_are_not_padded_to_squares():
    parts = np.zeros((2100, 2100), np.uint32)
    for k in range(4):
        parts[10 * k : 10 * k + 5, :2000] = 2 * k + 1
        parts[90:2090, 10 * k : 10 * k + 5] = 2 * k + 2
    cores = np.zeros_like(parts)
    cores[2:40:10, 100] = 1, 2, 3, 4
    cores[2:40:10, 1800] = 5, 6, 7, 8
    cores[200, 2:40:10] = 9, 10, 11, 12
    cores[1900, 2:40:10] = 13, 14, 15, 16
    tracemalloc.start()
    try:
        found = divide(parts, cores, (parts > 0).astype(np.uint8))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(np.unique(found)) == 17
    assert ((found > 0) == (parts > 0)).all()
    # eight squares of 2000² would take half a GiB and more
    assert peak < 1 << 27


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float16, np.float64])
def test_levels_of_any_type(dtype):
    assert to_uint8(np.array([0, 1], dtype)).tolist() == [0, 255]
    beyond = np.array([-0.5, 0.25, 1.5])
    assert to_uint8(beyond).tolist() == [0, 64, 255]
