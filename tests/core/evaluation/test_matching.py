"""Object scores of two label images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from perturbed import perturbed

from napari_unet.core.evaluation.matching import THRESHOLDS, ObjectScores, image_mean, match
from napari_unet.core.evaluation.overlaps import Overlaps

EXPECTED = json.loads((Path(__file__).parent / "object_scores.json").read_text())
NAMES = {
    "accuracy": "ap",
    "mean_true_score": "mean_true_iou",
    "mean_matched_score": "mean_matched_iou",
}
SHAPES = st.sampled_from([(12, 15), (5, 6, 7)])


def score(prediction, truth, thresholds=THRESHOLDS):
    return ObjectScores.of(Overlaps.of(prediction, truth), thresholds)


def blocks(shape, seed, lowest=0):
    """Random labels of a few pixels each, many of them in pieces or touching."""
    coarse = np.random.default_rng(seed).integers(lowest, 9, [n // 2 + 1 for n in shape])
    fine = coarse.repeat(2, 0).repeat(2, 1)
    fine = fine.repeat(2, 2) if fine.ndim == 3 else fine
    return fine[tuple(slice(n) for n in shape)]


def figures(scores):
    names = ("ap", "precision", "recall", "f1", "mean_matched_iou", "mean_true_iou", "seg")
    return np.concatenate([getattr(scores, name).ravel() for name in names])


@pytest.mark.parametrize("name", EXPECTED["sets"])
def test_stardist_and_the_cell_tracking_challenge_say_the_same(name, shared_data):
    expected = EXPECTED["sets"][name]
    total = ObjectScores.zero(EXPECTED["thresholds"])
    for seed, path in enumerate(expected["images"]):
        truth = tifffile.imread(shared_data / path)
        total += score(perturbed(truth, seed), truth, EXPECTED["thresholds"])
    for key, values in expected["pooled"].items():
        found = getattr(total.pooled, NAMES.get(key, key))[0]
        np.testing.assert_allclose(np.nan_to_num(found), values, rtol=1e-6, err_msg=key)
    for key, values in expected["by_image"].items():
        found = image_mean(getattr(total, NAMES.get(key, key)))
        np.testing.assert_allclose(found, values, rtol=1e-6, err_msg=key)
    assert total.pooled.seg[0] == pytest.approx(expected["seg"], rel=1e-12)


@examples(60)
@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
def test_a_perfect_prediction_scores_1_whatever_its_numbers(shape, seed):
    truth = blocks(shape, seed)
    numbers = np.random.default_rng(seed).permutation(2**31 - np.arange(1, 10))
    perfect = score(np.where(truth, numbers[truth], 0), truth)
    assert (figures(perfect) == 1).all()
    assert perfect.splits == perfect.merges == 0


@examples(60)
@given(shape=SHAPES, seed=st.integers(0, 2**31))
def test_exchanging_truth_and_prediction_exchanges_the_mistakes(shape, seed):
    a, b = blocks(shape, seed), blocks(shape, seed + 1)
    there, back = score(a, b), score(b, a)
    assert np.array_equal(there.tp, back.tp)
    assert np.array_equal(there.fp, back.fn)
    assert np.array_equal(there.precision, back.recall)
    assert np.allclose(there.matched_iou, back.matched_iou)
    assert np.array_equal(there.splits, back.merges)


@examples(60)
@given(seeds=st.lists(st.integers(0, 2**31), max_size=4))
def test_images_add_up_to_one_that_holds_them_all(seeds):
    pairs = [(blocks((8, 9), s), blocks((8, 9), s + 1)) for s in seeds]
    total = sum((score(*pair) for pair in pairs), ObjectScores.zero())
    if not pairs:
        assert np.isnan(figures(total.pooled)).all()
        return
    apart = np.arange(len(pairs)).repeat(8)[:, None] * 10
    p, t = (np.concatenate(images) for images in zip(*pairs))
    whole = score(np.where(p, p + apart, 0), np.where(t, t + apart, 0))
    np.testing.assert_allclose(figures(total.pooled), figures(whole))
    assert total.pooled.splits == whole.splits
    assert total.pooled.merges == whole.merges


@examples(60)
@given(shape=SHAPES, seed=st.integers(0, 2**31), threshold=st.floats(0.05, 1))
def test_no_one_to_one_matching_is_better(shape, seed, threshold):
    """Against the assignment problem solved over the dense table of all pairs."""
    from scipy.optimize import linear_sum_assignment

    overlaps = Overlaps.of(blocks(shape, seed), blocks(shape, seed + 1))
    dense = np.zeros((len(overlaps.true), len(overlaps.predicted)))
    dense[overlaps.rows, overlaps.columns] = overlaps.iou
    gain = np.where(dense >= threshold, 100 + dense, 0)
    best = gain[linear_sum_assignment(gain, maximize=True)]
    pairs = match(overlaps, threshold)
    assert len(np.unique(overlaps.rows[pairs])) == len(np.unique(overlaps.columns[pairs]))
    assert len(np.unique(overlaps.rows[pairs])) == len(pairs) == np.count_nonzero(best)
    assert overlaps.iou[pairs].sum() == pytest.approx(best.sum() - 100 * len(pairs), abs=1e-9)


@examples(60)
@given(shape=SHAPES, seed=st.integers(0, 2**31))
def test_unknown_pixels_are_as_if_cut_away(shape, seed):
    truth, found = blocks(shape, seed, lowest=-2), blocks(shape, seed + 1)
    overlaps, known = Overlaps.of(found, truth), truth >= 0
    cut = Overlaps.of(found[known], truth[known])
    for name in ("true", "predicted", "true_sizes", "predicted_sizes", "rows", "shared"):
        assert np.array_equal(getattr(overlaps, name), getattr(cut, name))
    beyond = [np.mean(known[found == value]) < 0.5 for value in overlaps.predicted]
    assert overlaps.beyond.tolist() == beyond


def test_a_prediction_mostly_in_unknown_pixels_may_match_but_is_no_mistake():
    truth = np.array([[1, 1, -1, -1, -1, 0, 0, -1, -1, -1, 0, -1, 0, 0]])
    found = np.array([[1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 3, 3, 0, 4]])
    result = score(found, truth, (0.5,))
    # 1 matches by its known pixels; 2 is mostly unknown; 3 is half known; 4 is known
    assert (result.tp, result.fp, result.fn) == (1, 2, 0)
    assert result.seg == 1


def test_splits_merges_and_specks():
    truth = np.repeat([1, 2, 0, 3, 0, 4], [10, 10, 5, 40, 5, 10])[None]
    merged = np.repeat([7, 0, 3, 0, 4], [20, 5, 40, 5, 10])[None]
    assert (score(merged, truth).merges, score(merged, truth).splits) == (1, 0)
    halves = np.repeat([1, 2, 0, 3, 5, 0, 4], [10, 10, 5, 25, 15, 5, 10])[None]
    assert (score(halves, truth).merges, score(halves, truth).splits) == (0, 1)
    speck = np.repeat([1, 2, 0, 3, 5, 0, 4], [10, 10, 5, 37, 3, 5, 10])[None]
    assert (score(speck, truth).merges, score(speck, truth).splits) == (0, 0)
    # neighbours over the border by less than half are neither
    shifted = np.repeat([0, 1, 2, 0, 3, 0, 4], [3, 10, 10, 2, 40, 5, 10])[None]
    assert (score(shifted, truth).merges, score(shifted, truth).splits) == (0, 0)


def test_of_two_halves_at_exactly_half_one_matches():
    truth, found = np.ones((1, 8), int), np.repeat([1, 2], 4)[None]
    result = score(found, truth, (0.5, 0.51))
    assert result.tp.tolist() == [[1, 0]]
    assert result.fp.tolist() == [[1, 2]]
    # more than half must be covered for SEG
    assert result.seg == 0


def test_nothing_there_has_no_score():
    empty, one = np.zeros((4, 4), np.uint8), np.eye(4, dtype=np.uint8)
    assert np.isnan(figures(score(empty, empty))).all()
    assert np.isnan(figures(score(np.zeros((0, 4), int), np.zeros((0, 4), int)))).all()
    assert (score(one, empty).ap == 0).all()
    assert (score(empty, one).ap == 0).all()
    assert score(empty, one).seg == 0
    total = score(empty, empty) + score(one, one) + score(one, empty)
    assert image_mean(total.ap).tolist() == [0.5] * 10
    assert image_mean(total.seg) == 1
    unknown = np.full((4, 4), -1)
    assert np.isnan(figures(score(one, unknown))).all()


def test_a_hundred_thousand_objects():
    truth = np.kron(np.arange(1, 320 * 320 + 1).reshape(320, 320), np.ones((8, 8), np.int64))
    truth[::8] = truth[:, ::8] = 0
    result = score(np.roll(truth, 1, axis=0), truth)
    assert result.n_true == 320**2
    assert result.tp[0, :7].tolist() == [320**2] * 6 + [0]
    assert result.seg == pytest.approx(6 / 8)


@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), "shapes differ"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "must be integers"),
        (np.full((2, 2), -1), np.zeros((2, 2), int), "negative"),
    ],
)
def test_what_are_no_labels_is_an_error(prediction, truth, message):
    with pytest.raises(ValueError, match=message):
        Overlaps.of(prediction, truth)
    with pytest.raises(ValueError, match="above 0"):
        match(Overlaps.of(np.eye(2, dtype=int), np.eye(2, dtype=int)), 0)
    with pytest.raises(ValueError, match="can't be added"):
        ObjectScores.zero() + ObjectScores.zero((0.5,))
