"""IoU and Dice over labelled pixels."""

from __future__ import annotations

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.evaluation.confusion import Confusion


@examples(100)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 5), cut=st.integers(0, 20))
def test_windows_add_up_to_the_definition(seed, n, cut):
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(IGNORE, n, (20, 30)), rng.integers(0, n, (20, 30))
    parts = [Confusion.of(found[rows], truth[rows], n) for rows in (slice(cut), slice(cut, None))]
    score = sum(parts, Confusion.zero(n))
    known = truth >= 0
    for c in range(n):
        real, guess = (truth == c) & known, (found == c) & known
        both, either = (real & guess).sum(), (real | guess).sum()
        assert score.pixels[c] == real.sum()
        if either:
            assert score.iou[c] == pytest.approx(both / either)
            assert score.dice[c] == pytest.approx(2 * both / (real.sum() + guess.sum()))


def test_what_is_not_there_has_no_score():
    truth, found = np.array([[0, 0, 1, IGNORE]]), np.array([[0, 0, 1, 2]])
    score = Confusion.of(found, truth, 3)
    assert score.iou.tolist()[:2] == [1, 1]
    assert np.isnan(score.iou[2])
    assert score.foreground_iou == score.foreground_dice == 1
    assert np.isnan(Confusion.zero(3).foreground_iou)
    wrong = Confusion.of(np.array([[2, 0]]), np.array([[0, 1]]), 3)
    assert wrong.iou.tolist() == [0, 0, 0]
    assert wrong.foreground_iou == 0


def test_labels_beyond_the_classes_are_an_error():
    for found, truth in (([2], [0]), ([0], [2]), ([-1], [0])):
        with pytest.raises(ValueError, match="between 0 and 1"):
            Confusion.of(np.array(found), np.array(truth), 2)
