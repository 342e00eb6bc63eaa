"""The verdict in words: what the numbers allow to be said, and what to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_unet.core.evaluation.verdict import Comparison, Verdict
from napari_unet.services.training.verdict_text import verdict_lines

BETTER = Comparison("better", "object", 12, 7, 11, 0.6, 0.81, 0.05, 0.3, corrected=True)


def line(compared):
    (text,) = verdict_lines(Verdict(compared, None))
    return text


def test_an_improvement_is_told_with_its_numbers():
    assert line(BETTER) == (
        "Better than before on what you corrected: of 12 held-out corrected objects, 11 are right, "
        "before 7. Mean object IoU 0.810, was 0.600. With 80% certainty, the gain over all of it is "
        "between +0.05 and +0.30."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 1, "low": -1.0}, "One needs at least 2 held-out corrected objects: correct more"),
        ({"low": -0.1}, "This can be chance: correct more objects to find out."),
        ({"low": -0.1, "n": 40}, "The difference is too small to matter, or chance."),
        ({"low": -0.1, "corrected": False}, "This can be chance: annotate more objects"),
    ],
)
def test_where_it_can_not_be_told_the_way_to_find_out_is(changes, said):
    text = line(replace(BETTER, outcome="can't tell", **changes))
    assert text.startswith("Can't tell whether it is better than before")
    assert said in text


def test_what_was_left_unchanged_counts_even_alone():
    kept = replace(BETTER, outcome="worse", n=0, n_unchanged=5, lost=1)
    assert line(kept) == (
        "Worse than before on what you corrected: of 5 objects that you left unchanged, 1 is lost."
    )
    both = line(replace(BETTER, n_unchanged=1, lost=0))
    assert "before 7. Of 1 object that you left unchanged, none is lost." in both


def test_strokes_and_what_was_known_before():
    known = replace(
        BETTER, outcome="can't tell", what="stroke", corrected=False, n=1, right_after=1
    )
    (text,) = verdict_lines(Verdict(None, known))
    assert text == (
        "No clear difference on what the network knew before: of 1 held-out stroke, 1 is right, "
        "before 7. Correct share of each stroke 0.810, was 0.600."
    )
    assert verdict_lines(Verdict(None, None)) == []
