"""The verdict: three outcomes, decided by many objects and never by a speck."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.evaluation.unit_scores import UnitScores, UnitTally
from napari_unet.core.evaluation.verdict import Verdict, compare


def units(scores, sizes=None, changed=None, totals=None):
    n = len(scores)
    changed = np.ones(n, bool) if changed is None else np.array(changed, bool)
    total = totals or (int(changed.sum()), int((~changed).sum()))
    sizes = np.full(n, 500) if sizes is None else np.array(sizes)
    return UnitScores(np.array(scores, float), sizes, changed, *total, "object")


def outcome(before, after, **others):
    return compare(units(before, **others), units(after, **others)).outcome


def test_clear_gains_and_losses_are_decided():
    assert outcome([0.1] * 6, [0.8] * 6) == "better"
    assert outcome([0.8] * 6, [0.1] * 6) == "worse"


def test_noise_is_not_decided():
    before = [0.7, 0.8, 0.6, 0.75, 0.7]
    assert outcome(before, [0.75, 0.74, 0.66, 0.7, 0.72]) == "can't tell"
    assert outcome(before, before) == "can't tell"


@given(st.floats(0, 1), st.floats(0, 1))
def test_nothing_is_said_on_one_object(before, after):
    assert outcome([before], [after]) == "can't tell"


@given(st.lists(st.floats(0.5, 0.9), min_size=3, max_size=12), st.floats(0, 0.4))
def test_a_speck_never_outvotes_the_rest(good, bad):
    """A network that is better on all others is not worse for one object of 25 pixels."""
    n = len(good)
    sizes = [500] * n + [25]
    before = units([bad] * n + [1.0], sizes)
    after = units([*good, 0.0], sizes)
    assert compare(before, after).outcome != "worse"
    assert compare(after, before).outcome != "better"


def test_a_gain_on_corrections_does_not_hide_what_was_lost():
    """Any other network is better where the old one had erred: the rest counts, too."""
    changed = [True] * 3 + [False] * 6
    before = [0.1] * 3 + [1.0] * 6
    kept = [0.8] * 3 + [0.9] * 6
    lost = [0.8] * 3 + [0.2] * 6
    assert outcome(before, kept, changed=changed) == "better"
    assert outcome(before, lost, changed=changed) != "better"


def test_other_outlines_of_what_was_right_are_no_loss():
    changed = [True] * 5 + [False] * 20
    compared = compare(
        units([0.0] * 5 + [1.0] * 20, changed=changed), units([0.8] * 25, changed=changed)
    )
    assert compared.lost == 0
    assert compared.outcome == "better"


def test_better_on_the_annotation_and_worse_on_the_rest_is_not_decided():
    better = compare(units([0.1] * 6), units([0.8] * 6))
    worse = compare(units([0.8] * 6), units([0.1] * 6))
    assert Verdict(better, worse).outcome == "can't tell"
    assert Verdict(better, None).outcome == Verdict(better, better).outcome == "better"
    assert Verdict(None, worse).outcome == "worse"
    assert Verdict().outcome == "can't tell"


def test_a_merged_neighbour_and_a_false_object_lower_the_score():
    truth = np.zeros((10, 40), np.int32)
    truth[2:8, 2:8], truth[2:8, 10:16], truth[2:8, 30:36] = 1, 2, 3
    numbers = np.zeros_like(truth)
    numbers[:, :9], numbers[:, 25:] = 1, 2
    keys = ["first", "third"]

    def scores(found):
        tally = UnitTally(2)
        tally.add_classes(keys, numbers, np.minimum(found, 1), np.minimum(truth, 1))
        tally.add_objects(keys, numbers, found, truth)
        return [tally.score(key) for key in keys]

    assert scores(truth) == [1, 1]
    merged, false = truth.copy(), truth.copy()
    merged[2:8, 2:16] = 1
    false[2:5, 26:28] = 9
    assert scores(merged)[0] < 0.5
    assert scores(merged)[1] == 1
    assert 0.8 < scores(false)[1] < 1
