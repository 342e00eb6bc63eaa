"""Where paint would tell a network most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import model_of, random_image

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.errors import UserError
from napari_unet.core.evaluation.next_region import (
    BLOCK_SIDE,
    best_windows,
    block_sums,
    window_sides,
)
from napari_unet.core.image.axes import Image
from napari_unet.core.inference.outputs import to_uint8
from napari_unet.core.inference.uncertainty import uncertainty
from napari_unet.core.model.spec import ModelSpec
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.cached_outputs import CachedOutputs, cache_outputs
from napari_unet.services.segmentation.next_region import (
    next_regions,
    uncertainty_map,
    uncertainty_of,
)
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment


def spec(n=2, activation="softmax", **others):
    config = UNetConfig.classic(base=2, depth=2, out_channels=n)
    return ModelSpec(name="some", config=config, activation=activation, **others)


TWO = spec()


def kept(unsure, axes="YX", told=TWO):
    """What a network of two classes may have said: half and half where `unsure`, else the first."""
    second = np.where(unsure, 0.5, 0)
    levels = to_uint8(np.stack([1 - second, second]))
    return CachedOutputs(Image(np.zeros(unsure.shape, np.uint8), axes), told, levels)


def places(maps, *annotations, **how):
    return finish(next_regions(finish(uncertainty_map(maps)), annotations, **how))


def box(place):
    return place.window.rows, place.window.columns


def annotation(maps, paint=None, kind="classes", regions=()):
    paint = np.zeros(maps.image.label_shape, np.uint8) if paint is None else paint
    return Annotation(maps.image, paint, kind, tuple(regions))


def test_a_window_is_a_tenth_of_the_view_within_limits():
    assert window_sides((512, 512)) == (160, 160)
    assert window_sides((4000, 5000)) == (256, 256)
    assert window_sides((200, 200)) == (64, 64)
    assert window_sides((50, 300)) == (50, 64)


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(1, 3),
    st.integers(0, 99),
    st.integers(1, 4),
)
def test_windows_lie_in_the_image_and_apart_the_best_first(shape, planes, seed, count):
    random = np.random.default_rng(seed)
    values = random.random((planes, *shape), np.float32)
    free = random.random((planes, *shape)) < 0.8
    unsure, open_ = (np.stack([block_sums(plane) for plane in each]) for each in (values, free))
    found = best_windows(unsure, open_, shape, count)
    covered = np.zeros((planes, *shape), int)
    for window in found:
        assert 0 <= window.score <= 1
        inside = covered[window.plane, window.rows, window.columns]
        sides = zip(inside.shape, window_sides(shape))
        assert all(side - BLOCK_SIDE < n <= side for n, side in sides)
        assert (inside > 0).mean() <= 0.5 + 1e-6
        inside += 1
    scores = [window.score for window in found]
    assert scores == sorted(scores, reverse=True)
    assert (
        best_windows(unsure, open_, shape, 1, found)
        == best_windows(unsure, open_, shape, len(found) + 1)[len(found) :]
    )


def test_the_most_unsure_place_is_found_with_the_reason():
    unsure = np.zeros((3, 300, 400), bool)
    unsure[1, 100:150, 200:260] = True
    unsure[2, 10:20, 10:20] = True
    first, second = places(kept(unsure, "TYX"), count=2)
    assert (first.index, second.index) == ({"T": 1}, {"T": 2})
    rows, columns = box(first)
    assert rows.start <= 100
    assert rows.stop >= 150
    assert columns.start <= 200
    assert columns.stop >= 260
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    share = 50 * 60 / size
    assert first.window.score == pytest.approx(share, abs=0.01)
    assert first.why == f"classes nearly equal on {round(100 * share)} % of this window"


@pytest.mark.parametrize("axes", ["YX", "XY"])
def test_axes_in_any_order(axes):
    unsure = np.zeros((200, 300), bool)
    unsure[20:60, 220:280] = True
    (place,) = places(kept(unsure if axes == "YX" else unsure.T, axes))
    assert unsure[box(place)].sum() == 40 * 60


def test_what_is_annotated_is_left_out():
    unsure = np.zeros((2, 256, 256), bool)
    unsure[0, 16:80, 16:80] = True
    unsure[1, 160:200, 160:200] = True
    maps = kept(unsure, "ZYX")
    (first,) = places(maps)
    assert first.index == {"Z": 0}
    there = Region.box((0, 100), (0, 100), Z=(0, 1))
    paint = np.zeros(unsure.shape, np.uint8)
    paint[0, 10:90, 10:90] = 1
    for given_ in (
        annotation(maps, regions=[there]),
        annotation(maps, paint, "scribbles"),
        # without a region, classes apply on planes that carry paint
        annotation(maps, paint, "classes"),
    ):
        assert places(maps, given_)[0].index == {"Z": 1}
    assert places(maps, visited=[first])[0].index == {"Z": 1}
    # paint elsewhere changes nothing
    assert places(maps, annotation(maps, paint[:, ::-1], "scribbles"))[0].window == first.window


def test_nothing_is_left_where_all_is_annotated_or_visited():
    maps = kept(np.ones((70, 70), bool))
    assert places(maps, annotation(maps, regions=[Region.box((0, 70), (0, 70))])) == []
    found = places(maps, count=99)
    assert 1 <= len(found) < 99
    assert places(maps, visited=found) == []


def test_an_image_smaller_than_a_window_is_one():
    (place,) = places(kept(np.ones((30, 21), bool)), count=5)
    assert box(place) == (slice(0, 30), slice(0, 21))
    assert place.window.score == pytest.approx(1, abs=0.01)


def test_a_network_that_is_sure_says_so():
    (place,) = places(kept(np.zeros((100, 100), bool)))
    assert place.why == "the network is sure of nearly all that is left"


@pytest.mark.parametrize(
    ("told", "channel", "words"),
    [
        (spec(3, task="objects"), 0, "unsure what is object on 100 %"),
        (spec(3, task="objects"), 1, "unsure of borders between objects on 100 %"),
        (spec(2, "sigmoid", classes=("soma", "axon")), 1, "unsure what is axon on 100 %"),
    ],
)
def test_the_reason_names_what_is_unsure(told, channel, words):
    levels = np.zeros((told.config.out_channels, 64, 64), np.uint8)
    levels[channel] = 128
    maps = CachedOutputs(Image(np.zeros((64, 64)), "YX"), told, levels)
    assert places(maps)[0].why == f"{words} of this window"


def test_what_a_network_says_is_kept_and_gives_its_uncertainty():
    config = UNetConfig.classic(base=2, depth=2, out_channels=3)
    model = model_of(config, activation="softmax")
    image = Image(random_image((2, 40, 50)), "TYX")
    maps = finish(cache_outputs(image, model, SegmentOptions()))
    options = SegmentOptions(probabilities=True, uncertainty=True)
    expected = finish(segment(image, model, options))
    assert (maps.probabilities == to_uint8(expected.probabilities)).all()
    found = finish(uncertainty_of(maps))
    assert found.shape == image.label_shape
    assert np.abs(found - expected.uncertainty).max() < 0.03
    assert (expected.uncertainty == uncertainty(expected.probabilities, model.spec)).all()
    (place,) = places(maps)
    here = expected.uncertainty[(place.index["T"], *box(place))]
    assert place.window.score == pytest.approx(here.mean(), abs=0.02)


def test_maps_of_another_network_are_refused():
    with pytest.raises(UserError, match="not the outputs"):
        places(kept(np.ones((40, 40), bool), told=spec(3)))
