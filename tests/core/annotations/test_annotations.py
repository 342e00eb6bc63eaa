"""What paint means, where it applies, and what is held out of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.annotations.annotation import IGNORE, Annotation
from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.holdout import hold_out, sides
from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.annotations.regions import Region
from napari_unet.core.annotations.strokes import plane_pieces
from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import resample_labels
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.progress import finish

ONE = {1: "nucleus"}
TWO = {1: "nucleus", 2: "cell"}
HALVES = st.integers(-18, 80).map(lambda n: n / 2)


def image_like(paint, axes=None, **others):
    return Image(np.zeros(paint.shape, np.uint8), axes or "TZYX"[4 - paint.ndim :], **others)


def annotate(paint, kind="scribbles", axes=None, **others):
    paint = np.asarray(paint)
    return Annotation(image_like(paint, axes), paint, kind, **others)


def truth_of(paint, kind="scribbles", names=ONE, axes=None, **others):
    return finish(inspect_annotations([annotate(paint, kind, axes, **others)], names)).truths[0]


def everything(truth, part="labels", spatial="YX"):
    """What is known, with the shape of the paint."""
    out = np.full(truth.annotation.paint.shape, 99)
    for frame in frames(truth.annotation.image, spatial, ()):
        box = tuple(slice(0, n) for n in frame.shape)
        frame.write(out, box, getattr(truth, part)(frame, box))
    return out


# --- masks and regions


@examples(200)
@given(data=st.data(), mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_a_packed_mask_gives_back_any_window(data, mask):
    top, left = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))
    plane = np.zeros((40, 40), dtype=bool)
    plane[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    packed = BitMask.of(mask, top, left)
    rows = slice(*sorted(data.draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))))
    columns = slice(*sorted(data.draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))))
    assert (packed.window(rows, columns) == plane[rows, columns]).all()
    assert bool(packed) == mask.any()
    other = np.zeros_like(plane)
    other[5:20, 3:30] = True
    union = BitMask.union([packed, BitMask(slice(5, 20), slice(3, 30)), BitMask.none()])
    assert (union.window(rows, columns) == (plane | other)[rows, columns]).all()


def test_a_box_is_its_pixels_and_a_polygon_those_whose_centres_it_holds():
    mask = Region.box((2, 5), (3, 9)).mask((8, 12)).window(slice(0, 8), slice(0, 12))
    expected = np.zeros((8, 12), dtype=bool)
    expected[2:5, 3:9] = True
    assert (mask == expected).all()
    triangle = Region(((-0.6, -0.5), (9.5, -0.5), (9.5, 9.6)))
    y, x = np.mgrid[:10, :10]
    assert (triangle.mask((10, 10)).window(slice(0, 10), slice(0, 10)) == (x <= y)).all()


@examples(200)
@given(
    corners=st.lists(st.tuples(HALVES, HALVES), min_size=3, max_size=7),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_polygons_follow_the_even_odd_rule(corners, shape):
    mask = Region(tuple(corners)).mask(shape).window(*(slice(0, n) for n in shape))
    for y, x in np.ndindex(shape):
        crossings = 0
        for (y0, x0), (y1, x1) in zip(corners, corners[1:] + corners[:1]):
            if (y0 <= y) != (y1 <= y):
                crossings += x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x
        assert mask[y, x] == crossings % 2


# --- what paint means


def test_scribbles_leave_the_unpainted_unlabelled():
    paint = np.array([[0, 1, 2], [3, 0, 1]])
    truth = truth_of(paint, names=TWO)
    assert everything(truth).tolist() == [[IGNORE, 0, 1], [2, IGNORE, 0]]
    assert dict(truth.pixels) == {0: 2, 1: 1, 2: 1}


@pytest.mark.parametrize("kind", ["classes", "objects"])
def test_planes_without_paint_are_unlabelled(kind):
    paint = np.zeros((3, 4, 5), int)
    paint[1, 2:, 3] = 1
    known = everything(truth_of(paint, kind))
    assert (known[[0, 2]] == IGNORE).all()
    assert (known[1] == paint[1]).all()


@pytest.mark.parametrize("kind", ["classes", "objects"])
def test_regions_say_where_it_applies_paint_or_not(kind):
    paint = np.zeros((3, 6, 6), int)
    paint[0] = 1
    region = Region.box((1, 4), (2, 5), Z=(0, 2))
    known = everything(truth_of(paint, kind, regions=(region,)))
    expected = np.full(paint.shape, IGNORE)
    expected[0, 1:4, 2:5], expected[1, 1:4, 2:5] = 1, 0
    assert (known == expected).all()


def test_regions_bound_scribbles_too():
    paint = np.full((6, 6), 2)
    paint[0] = 1
    known = everything(truth_of(paint, regions=(Region.box((0, 3), (0, 2)),)))
    assert (known[:3, :2] == paint[:3, :2] - 1).all()
    assert (known[3:] == IGNORE).all()
    assert (known[:, 2:] == IGNORE).all()


@pytest.mark.parametrize("axes", ["ZYX", "YXZ", "XZY", "CXTYZ"])
@pytest.mark.parametrize("spatial", ["YX", "ZYX"])
def test_any_order_of_axes_and_planes_or_volumes_say_the_same(axes, spatial):
    sizes = {"C": 2, "T": 2, "Z": 3, "Y": 4, "X": 5}
    rng = np.random.default_rng(0)
    image = Image(np.zeros([sizes[a] for a in axes], np.uint8), axes)
    paint = rng.integers(0, 3, image.label_shape)
    truth = finish(inspect_annotations([Annotation(image, paint, "scribbles")], ONE)).truths[0]
    assert (everything(truth, spatial=spatial) == paint - 1).all()


def test_one_value_such_as_255_means_the_only_class():
    paint = np.zeros((4, 4), np.uint8)
    paint[:2] = 255
    for names in (ONE, None):
        truth = truth_of(paint, "classes", names)
        assert (everything(truth) == (paint > 0)).all()
        assert dict(truth.pixels) == {0: 8, 1: 8}


def test_classes_are_counted_when_none_are_given():
    found = finish(inspect_annotations([annotate([[0, 1, 2, 4]])], None))
    assert found.names == {1: "class 1", 2: "class 2", 3: "class 3"}
    assert found.pixels == (1, 1, 0, 1)
    assert finish(inspect_annotations([annotate([[0, 7, 9]], "objects")])).names == {
        1: "foreground"
    }


@pytest.mark.parametrize("kind", ["classes", "scribbles"])
def test_numbered_objects_are_not_taken_for_classes(kind):
    for labels, said in (([0, 1, 256], "label 256"), (range(60), "different labels")):
        with pytest.raises(UserError, match=said) as error:
            finish(inspect_annotations([annotate([list(labels)], kind)], None))
        assert "'objects'" in error.value.remedy
    for labels in ([0, 1, 255], range(32)):
        assert finish(inspect_annotations([annotate([list(labels)], kind)], None)).names


def test_object_numbers_beyond_32_bits_stay_apart():
    paint = np.array([[0, 2**40, 2**40 + 1, 5]], dtype=np.uint64)
    known = everything(truth_of(paint, "objects"))
    assert known[0, 0] == 0
    assert len(set(known[0].tolist())) == 4
    assert (known[0, 1:] > 0).all()


def test_lazy_paint_is_read_by_planes():
    keys = []

    class Recorder:
        shape, dtype = (50, 64, 64), np.dtype(np.uint8)

        def __getitem__(self, key):
            keys.append(key)
            block = np.zeros(self.shape, np.uint8)
            block[7, :9, :9] = 2
            return block[key]

    image = Image(np.zeros((50, 64, 64), np.uint8), "ZYX")
    found = finish(inspect_annotations([Annotation(image, Recorder(), "scribbles")], ONE))
    assert [key[0] for key in keys] == list(range(50))
    assert list(found.truths[0].applies) == [(7,)]


# --- the summary


def test_the_summary_says_what_is_there_and_what_is_missing():
    paint = np.zeros((2, 9, 9), int)
    paint[0, 1, 1:4] = paint[0, 5, 1:4] = 2
    summary = finish(inspect_annotations([annotate(paint)], TWO)).summary
    assert (summary.planes, summary.strokes) == (1, 2)
    text = str(summary)
    assert "1 plane, 2 strokes; pixels: background 0, nucleus 6, cell 0." in text
    assert "No background painted yet (label 1)" in text
    assert "No cell painted yet (label 3)" in text
    with pytest.raises(UserError, match="Only 'nucleus' has been painted"):
        summary.check()
    paint[1, 0, 0] = 1
    finish(inspect_annotations([annotate(paint)], TWO)).summary.check()


def test_no_paint_is_said_before_training():
    for kind in ("scribbles", "classes", "objects"):
        summary = finish(inspect_annotations([annotate(np.zeros((9, 9), int), kind)], ONE)).summary
        assert str(summary) == "Nothing painted yet."
        with pytest.raises(UserError, match="Nothing has been painted yet"):
            summary.check()
    paint = np.zeros((9, 9), int)
    paint[0] = 2
    region = (Region.box((4, 9), (0, 9)),)
    assert "inside the regions" in str(
        finish(inspect_annotations([annotate(paint, regions=region)], ONE)).summary
    )


def test_a_stroke_through_planes_is_one_and_time_points_are_apart():
    paint = np.zeros((2, 4, 8, 8), int)
    paint[0, 0:3, 4, 1:5] = 2
    paint[0, 1, 6, 1:5] = 2  # beside it
    paint[0, 2, 4, 5:7] = 1  # of another class
    paint[1, 2, 4, 1:5] = 2
    truth = truth_of(paint)
    assert sorted(truth.strokes.sizes.tolist()) == [2, 4, 4, 12]
    truth = truth_of(paint, "objects")
    assert sorted(truth.strokes.sizes.tolist()) == [2, 4, 16]


@examples(60)
@given(paint=hnp.arrays(np.uint8, (4, 6, 6), elements=st.integers(0, 2)))
def test_strokes_through_planes_are_the_connected_parts(paint):
    """Joined plane by plane as if the volume were in memory: corners in the plane, faces along Z."""
    truth = truth_of(paint)
    numbers = np.stack([
        np.append(truth.strokes.pieces[(z,)], -1)[plane_pieces(truth, (z,))[0]]
        if (z,) in truth.applies
        else np.full((6, 6), -1)
        for z in range(4)
    ])  # fmt: skip
    assert ((numbers >= 0) == (paint > 0)).all()
    steps = [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, -1), (1, 0, 0)]
    for dz, dy, dx in steps:
        here = (slice(0, 4 - dz), slice(0, 6 - dy), slice(max(-dx, 0), 6 - max(dx, 0)))
        there = (slice(dz, 4), slice(dy, 6), slice(max(dx, 0), 6 - max(-dx, 0)))
        joined = (paint[here] == paint[there]) & (paint[here] > 0)
        assert (numbers[here] == numbers[there])[joined].all()
    counted = np.bincount(numbers[numbers >= 0], minlength=len(truth.strokes.sizes))
    assert (counted == truth.strokes.sizes).all()
    assert (truth.strokes.values[numbers[numbers >= 0]] == paint[numbers >= 0]).all()


# --- bad input


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((32, 24), "2× smaller along Y and 2× smaller along X"),
        ((64, 144), "3× larger along X"),
        ((32, 48), "2× smaller along Y than"),
        ((60, 48), "another shape than"),
        ((2, 64, 48), "another shape than"),
    ],
)
def test_labels_of_another_shape_are_refused_and_whole_factors_named(shape, said):
    image = Image(np.zeros((64, 48), np.uint8), "YX", name="cells")
    with pytest.raises(UserError, match=said) as caught:
        Annotation(image, np.zeros(shape, int), "scribbles")
    assert ("--resample" in caught.value.remedy) == ("×" in said)


@examples(50)
@given(
    labels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)),
    factors=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_resampled_labels_fit_and_come_back(labels, factors):
    shape = tuple(n * f for n, f in zip(labels.shape, factors))
    image = Image(np.zeros(shape, np.uint8), "YX")
    large = resample_labels(image, labels)
    assert (large == labels.repeat(factors[0], 0).repeat(factors[1], 1)).all()
    small = Image(np.zeros(labels.shape, np.uint8), "YX")
    assert (resample_labels(small, large) == labels).all()


def test_labels_of_another_scale_or_place_are_refused():
    paint = np.zeros((8, 8), int)
    image = image_like(paint, scale={"Y": 0.5, "X": 0.5})
    Annotation(image, paint, "scribbles", scale={"Y": 0.5, "X": 0.5}, offset={"Y": 0.0})
    with pytest.raises(UserError, match="2 times as large along Y"):
        Annotation(image, paint, "scribbles", scale={"Y": 1.0, "X": 0.5})
    with pytest.raises(UserError, match="4 pixels along X"):
        Annotation(image, paint, "scribbles", offset={"Y": 0.0, "X": 4.0})


def test_paint_that_is_no_label_is_refused():
    with pytest.raises(UserError, match="whole numbers"):
        annotate(np.zeros((4, 4), np.float32))
    with pytest.raises(UserError, match=r"negative labels: -3 at Z=1"):
        truth_of(np.array([[[0, 1]], [[0, -3]]]))
    assert everything(truth_of(np.eye(4, dtype=bool), "classes")).sum() == 4


def test_labels_beyond_the_classes_are_refused():
    with pytest.raises(UserError, match="beyond the model's classes") as caught:
        truth_of([[1, 2, 3, 7]])
    assert (caught.value.value, "go up to 2" in caught.value.rule) == ("3, 7", True)
    with pytest.raises(UserError, match="beyond") as caught:
        truth_of([[0, 1, 2, 3]], "classes")
    assert "'objects'" in caught.value.remedy
    with pytest.raises(UserError, match="several classes"):
        truth_of([[0, 1, 2, 3]], "objects", TWO)


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (Region.box((20, 30), (0, 5)), "outside"),
        (Region.box((-9, 0), (0, 5)), "outside"),
        (Region.box((0, 5), (0, 5), Z=(3, 9)), "outside"),
        (Region.box((0, 5), (0, 5), T=(0, 1)), "along T"),
    ],
)
def test_regions_off_the_image_are_refused(region, said):
    with pytest.raises(UserError, match=said):
        annotate(np.zeros((3, 9, 9), int), regions=(region,))
    with pytest.raises(UserError, match="no area"):
        Region(((0, 0), (1, 1)))


# --- what is held out


def scribbled(n=10, size=96, seed=0):
    """Background and nucleus strokes, `n` each."""
    rng = np.random.default_rng(seed)
    paint = np.zeros((size, size), np.uint8)
    for i in range(2 * n):
        y, x = 4 * (i + 1), int(rng.integers(0, size - 20))
        paint[y, x : x + 12] = 1 + i % 2
    return paint


def assert_whole(truth, taken):
    """No stroke or object on both sides; nothing lost, nothing twice."""
    labels, training, validation = (
        everything(truth, part) for part in ("labels", "training", "validation")
    )
    held = validation != IGNORE
    assert held.any() == taken
    assert (np.where(held, validation, training) == labels).all()
    assert (training[held] == IGNORE).all()
    return held


@examples(30)
@given(
    paint=hnp.arrays(np.uint8, (3, 12, 12), elements=st.sampled_from((0, 0, 0, 1, 2))),
    seed=st.integers(0, 9),
)
def test_no_stroke_is_on_both_sides(paint, seed):
    truth = truth_of(paint)
    found = finish(hold_out([truth], seed=seed))
    held = assert_whole(found.truths[0], not found.reason)
    for z in range(3):
        if (z,) in truth.applies:
            numbers = truth.strokes.pieces[(z,)][plane_pieces(truth, (z,))[0]]
            inside, outside = set(numbers[held[z]]), set(numbers[~held[z]])
            assert not (inside & outside) - {-1}


def test_a_share_of_the_strokes_of_each_class_is_held_out_by_the_seed():
    paint = scribbled()
    found = finish(hold_out([truth_of(paint)], fraction=0.2, seed=3))
    held = everything(found.truths[0], "validation")
    n = [int((held == c).sum()) // 12 for c in (0, 1)]
    assert str(found) == f"Held out: {sum(n)} of 20 strokes."
    assert 1 <= min(n) <= max(n) <= 3
    again = finish(hold_out([truth_of(paint)], fraction=0.2, seed=3))
    assert (everything(again.truths[0], "validation") == held).all()
    other = finish(hold_out([truth_of(paint)], fraction=0.2, seed=4))
    assert (everything(other.truths[0], "validation") != held).any()


def test_with_too_few_strokes_nothing_is_held_out_and_it_says_why():
    found = finish(hold_out([truth_of(scribbled(3))]))
    assert not found.taken
    assert "6 strokes or objects are too few" in str(found)
    assert_whole(found.truths[0], False)
    giant = np.ones((40, 40), np.uint8)  # one stroke of each class is most of its pixels
    giant[20:] = 2
    assert not finish(hold_out([truth_of(giant)])).taken


def test_held_out_strokes_stay_so_when_more_is_painted():
    paint = scribbled()
    first = finish(hold_out([truth_of(paint)], seed=1))
    held = everything(first.truths[0], "validation") != IGNORE
    more = paint.copy()
    y, x = np.argwhere(held)[0]
    more[y + 1, x : x + 3] = paint[y, x]  # the stroke grows
    free = np.argwhere((more == 0) & (np.roll(more, 1, 0) == 0) & (np.roll(more, -1, 0) == 0))[0]
    more[tuple(free)] = 2  # a new one
    again = finish(hold_out([truth_of(more)], seed=1, earlier=first.masks))
    now = everything(again.truths[0], "validation") != IGNORE
    expected = held.copy()
    expected[y + 1, x : x + 3] = True
    assert (now == expected).all()


def test_of_what_may_have_been_learnt_nothing_is_held_out_later():
    few = finish(hold_out([truth_of(scribbled(3))]))
    again = finish(hold_out([truth_of(scribbled(10))], earlier=few.masks))
    assert not again.taken
    assert "as before" in str(again)
    assert_whole(again.truths[0], False)


def held_since(before, after, kind):
    """What is held out of paint, where nothing was of what was there before; and once more."""
    first = finish(hold_out([truth_of(before, kind)]))
    assert not first.taken
    again = finish(hold_out([truth_of(after, kind)], earlier=first.masks, learnt=first.truths))
    more = finish(hold_out([truth_of(after, kind)], earlier=again.masks, learnt=again.truths))
    assert (
        not again.taken
        or (
            everything(more.truths[0], "validation") == everything(again.truths[0], "validation")
        ).all()
    )
    return again


def test_if_nothing_was_held_out_a_share_of_what_was_painted_since_is():
    after = scribbled(10)
    before = after.copy()
    before[28:] = 0
    again = held_since(before, after, "scribbles")
    held = everything(again.truths[0], "validation")
    assert {0, 1} <= set(held.flat)
    assert not before[held >= 0].any()
    assert sides_of(again) == ({0, 1}, {0, 1})


def test_objects_of_planes_that_are_new_judge_where_nothing_was_held_out():
    """Where objects were added to a plane, their pixels were learnt as background."""
    few = np.where(grid_of_objects(6, 3, gap=8) <= 3, grid_of_objects(6, 3, gap=8), 0)
    before = np.stack([few, 0 * few])
    added = np.stack([grid_of_objects(6, 3, gap=8), 0 * few])
    again = held_since(before, added, "objects")
    assert not again.taken
    assert "plane or region that is new" in str(again)
    after = np.stack([few, 20 * (few > 0) + grid_of_objects(6, 3, gap=8)])
    again = held_since(before, after, "objects")
    held = everything(again.truths[0], "validation")
    assert (held[0] == IGNORE).all()
    assert {0, 1} <= set(np.minimum(held[1], 1).flat)


def sides_of(held):
    return finish(sides(held))


def test_one_new_stroke_is_not_enough_to_hold_out():
    before = scribbled(3)
    first = finish(hold_out([truth_of(before)]))
    after = before.copy()
    y, x = np.argwhere(before == 0)[-1]
    after[y, x] = 2
    again = finish(hold_out([truth_of(after)], earlier=first.masks, learnt=first.truths))
    assert not again.taken
    assert "was learnt can't be used for validation" in str(again)


@examples(20)
@given(seed=st.integers(0, 99), extra=st.integers(1, 40))
def test_paint_keeps_its_side_in_a_later_training_with_more_of_it(seed, extra):
    """What a network has learnt does not judge the next one, and the other way round."""
    paint = grid_of_objects(6, 10, gap=10)
    numbers = np.random.default_rng(seed).permutation(100) + 1
    first = np.where(np.isin(paint, numbers[: 100 - extra]), paint, 0)
    sides = []
    for stage in (first, paint):
        truth = finish(hold_out([truth_of(stage, "objects")], seed=seed)).truths[0]
        sides.append(set(stage[everything(truth, "validation") != IGNORE].tolist()) - {0})
    n = 100 - extra
    # of fewer than half the share asked for, and more than one and a half of it, some change sides
    if round(0.1 * n) < len(sides[0]) < round(0.3 * n) and 10 < len(sides[1]) < 30:
        assert sides[1] & set(first.flat) == sides[0]


def test_an_object_keeps_its_side_when_its_outline_is_corrected():
    paint = grid_of_objects(8, 8, gap=8)
    y, x = np.indices(paint.shape)
    trimmed = np.where((paint > 0) & (y % 16 == 0) & (x % 16 < 3), 0, paint)
    sides = []
    for stage in (paint, trimmed):
        truth = finish(hold_out([truth_of(stage, "objects")], seed=3)).truths[0]
        sides.append(set(stage[everything(truth, "validation") != IGNORE].tolist()) - {0})
    assert sides[0] == sides[1]


def grid_of_objects(side, n, gap=4):
    """n × n square objects on a plane."""
    paint = np.zeros((n * (side + gap), n * (side + gap)), np.int32)
    numbers = np.arange(1, n * n + 1).reshape(n, n)
    tile = np.zeros((side + gap, side + gap), bool)
    tile[:side, :side] = True
    return paint + np.kron(numbers, tile)


def test_objects_are_held_out_with_the_background_nearest_to_them():
    paint = grid_of_objects(6, 5)
    truth = finish(hold_out([truth_of(paint, "objects")], fraction=0.2)).truths[0]
    held = assert_whole(truth, True)
    taken = set(paint[held]) - {0}
    assert 2 <= len(taken) <= 8
    assert not taken & set(paint[~held])
    background = held & (paint == 0)
    assert 0.05 < background.sum() / (paint == 0).sum() < 0.3
    for y, x in np.argwhere(background)[::7]:
        distance = np.hypot(*(np.indices(paint.shape) - np.array([y, x])[:, None, None]))
        distance[paint == 0] = np.inf
        assert paint.flat[distance.argmin()] in taken


def test_of_dense_classes_neighbouring_planes_are_held_out():
    rng = np.random.default_rng(0)
    truth = truth_of(rng.integers(0, 2, (10, 16, 16)), "classes")
    found = finish(hold_out([truth], fraction=0.3, seed=2))
    held = assert_whole(found.truths[0], True)
    planes = np.flatnonzero(held.any(axis=(1, 2)))
    assert held[planes].all()
    assert found.taken == (f"{len(planes)} of 10 regions or planes",)
    assert 2 <= len(planes) <= 4
    assert planes.tolist() == list(range(planes[0], planes[0] + len(planes)))


def test_of_dense_classes_whole_regions_are_held_out():
    paint = np.random.default_rng(0).integers(0, 2, (20, 20))
    regions = tuple(Region.box((y, y + 6), (x, x + 6)) for y in (0, 9) for x in (0, 9))
    found = finish(hold_out([truth_of(paint, "classes", regions=regions)]))
    held = assert_whole(found.truths[0], True)
    assert held.sum() == 36


@pytest.mark.parametrize("seed", range(8))
def test_regions_with_each_class_are_on_both_sides(seed):
    """Of eight regions, three hold foreground."""
    paint = np.zeros((16, 64), int)
    for i in (0, 3, 6):
        paint[4:8, 8 * i + 2 : 8 * i + 5] = 1
    regions = tuple(Region.box((0, 16), (8 * i, 8 * i + 8)) for i in range(8))
    truth = finish(hold_out([truth_of(paint, "classes", regions=regions)], seed=seed)).truths[0]
    for part in ("training", "validation"):
        assert {0, 1} <= set(everything(truth, part).flat)


def test_with_foreground_in_one_region_only_nothing_is_held_out():
    paint = np.zeros((16, 64), int)
    paint[4:8, 2:5] = 1
    regions = tuple(Region.box((0, 16), (8 * i, 8 * i + 8)) for i in range(8))
    held = finish(hold_out([truth_of(paint, "classes", regions=regions)]))
    assert_whole(held.truths[0], False)
    assert "class 1 is in a single region" in str(held)


@pytest.mark.parametrize("seed", range(4))
def test_a_class_in_one_plane_only_is_learnt_and_the_others_are_judged(seed):
    paint = np.zeros((8, 16, 16), int)
    paint[:, 4:8, 2:5] = 1
    paint[3, 10:12, 10:12] = 2
    found = finish(hold_out([truth_of(paint, "classes", names=TWO)], seed=seed))
    held = assert_whole(found.truths[0], True)
    assert not held[3].any()
    assert set(everything(found.truths[0], "validation")[held]) == {0, 1}


def test_several_annotations_of_several_kinds_go_together():
    annotations = [
        annotate(scribbled()),
        annotate(grid_of_objects(6, 4), "objects"),
        annotate(np.stack([np.eye(9, dtype=int)] * 5), "classes"),
    ]
    found = finish(inspect_annotations(annotations, ONE))
    assert (found.summary.strokes, found.summary.objects) == (21, 16)
    held = finish(hold_out(found.truths))
    told = r"Held out: \d of 20 strokes, \d of 16 objects, 1 of 5 regions or planes\."
    assert re.fullmatch(told, str(held))
    for truth in held.truths:
        assert_whole(truth, True)


def test_forty_thousand_objects():
    paint = grid_of_objects(6, 200)
    found = finish(inspect_annotations([annotate(paint, "objects")], ONE))
    assert found.summary.objects == 40_000
    held = finish(hold_out(found.truths))
    assert 7000 < int(held.taken[0].split()[0]) < 9000


# --- real annotations


def test_membranes_with_255_for_cells(shared_data):
    paint = tifffile.imread(shared_data / "em-isbi2012" / "labels.tif")
    found = finish(inspect_annotations([annotate(paint, "classes")], None))
    assert found.summary.planes == 20
    assert found.pixels == (int((paint == 0).sum()), int((paint == 255).sum()))
    held = finish(hold_out(found.truths))
    assert held.taken == ("2 of 20 regions or planes",)


def test_objects_that_nobody_drew_are_left_out_by_regions(shared_data):
    """Of DIC-C2DH-HeLa some cells are not annotated: the region holds those that are."""
    folder = shared_data / "dic-hela"
    stack = tifffile.imread(folder / "stack.tif")
    paint = np.zeros(stack.shape, np.uint16)
    for path in (folder / "objects_incomplete").glob("t*.tif"):
        paint[int(path.stem[1:])] = tifffile.imread(path)
    image = Image(stack, "TYX")
    plain = finish(inspect_annotations([Annotation(image, paint, "objects")], ONE))
    assert plain.summary.planes == 7
    assert plain.summary.objects == 54
    y, x = np.nonzero(paint[5] == np.unique(paint[5])[1])
    region = Region.box((y.min(), y.max() + 1), (x.min(), x.max() + 1), T=(5, 6))
    found = finish(
        inspect_annotations([Annotation(image, paint, "objects", (region,))], ONE)
    ).truths[0]
    assert sum(found.pixels.values()) == (np.ptp(y) + 1) * (np.ptp(x) + 1)
    assert list(found.applies) == [(5,)]
    known = everything(found)
    assert (known[paint == 0] <= 0).all()
    assert (known[[t for t in range(48) if t != 5]] == IGNORE).all()


def test_nuclei_of_several_images(shared_data):
    folder = shared_data / "nuclei-dsb2018"
    names = sorted(path.name for path in (folder / "images").iterdir())[:5]
    annotations = [
        Annotation(
            Image(tifffile.imread(folder / "images" / name), "YX", name=name),
            tifffile.imread(folder / "masks" / name),
            "objects",
        )
        for name in names
    ]
    found = finish(inspect_annotations(annotations, ONE))
    found.summary.check()
    held = finish(hold_out(found.truths))
    for truth in held.truths:
        labels = everything(truth)
        taken = set(labels[everything(truth, "validation") != IGNORE].tolist()) - {0}
        kept = set(labels[everything(truth, "training") != IGNORE].tolist()) - {0}
        assert not taken & kept


@pytest.mark.parametrize("kind", ["scribbles", "classes", "objects"])
@pytest.mark.parametrize("absent", [np.nan, np.inf, -3.4e38, "tag"])
def test_pixels_without_data_take_no_part_and_that_is_told(kind, absent):
    pixels = np.ones((2, 2, 6, 7), np.uint16 if absent == "tag" else np.float32)
    pixels[0, :, 1, 2:4] = 7 if absent == "tag" else absent
    # data in one channel are data
    pixels[0, 0, 4, 4] = 7 if absent == "tag" else absent
    paint = np.zeros((2, 6, 7), np.uint8)
    paint[:, 1:4, 1:4] = 2
    image = Image(pixels, "ZCYX", nodata=7 if absent == "tag" else None)
    inspection = finish(inspect_annotations([Annotation(image, paint, kind)]))
    known = everything(inspection.truths[0]) != IGNORE
    expected = (paint > 0) if kind == "scribbles" else np.ones(paint.shape, bool)
    expected[0, 1, 2:4] = False
    assert np.array_equal(known, expected)
    assert inspection.summary.notes == (
        "image: 2 pixels without data (NaN, infinite or “no data”) take no part.",
    )
