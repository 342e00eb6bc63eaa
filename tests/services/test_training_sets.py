"""The sets that networks are trained with: what is set aside is apart, and objects have one size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from places import REPOSITORY, SHARED

pytestmark = pytest.mark.skipif(
    not (SHARED / "more").is_dir(), reason="needs the labelled images in ../shared/data/more"
)


@pytest.fixture(scope="module")
def sets() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "training"))
        import sets

        yield sets


def test_no_source_is_both_learnt_and_set_aside(sets):
    for name, each in sets.SETS.items():
        parts = each.divided(SHARED)
        learnt, aside = (set(parts[part]) for part in ("learnt", "aside"))
        assert sorted(n for _, n in learnt | aside) == each.names(SHARED)
        assert not learnt & aside
        if name != "nuclei-dsb2018":
            assert not {source for source, _ in learnt} & {source for source, _ in aside}


def test_the_images_that_judged_nuclei_before_are_still_set_aside(sets):
    import nuclei_2d

    former = nuclei_2d.split(SHARED / "nuclei-dsb2018")[1]
    aside = sets.SETS["nuclei-dsb2018"].divided(SHARED)["aside"]
    assert sorted(f"{name}.tif" for _, name in aside) == former


def test_later_frames_of_a_sequence_are_later(sets):
    parts = sets.SETS["phase-u373"].divided(SHARED)
    first = min(name for _, name in parts["aside"])
    assert all(name < first for _, name in parts["learnt"])


def test_the_objects_that_are_learnt_have_one_diameter(sets):
    import labelled_set

    for annotation in sets.learnt(SHARED, ("phase-u373", "bacteria-deepcell"), 25.0):
        paint = np.asarray(annotation.paint)
        known = np.where(paint == annotation.unlabelled, 0, paint)
        assert labelled_set.typical_diameter(known) == pytest.approx(25, rel=0.1)
        assert paint.shape == annotation.image.data.shape


def test_what_is_annotated_incompletely_does_not_count_as_background(sets):
    rim = sets.SETS["phase-deepcell"]
    pixels, labels = rim.read(SHARED, "3T3-set1")
    unknown = rim.unknown(pixels, labels)
    assert unknown[:60, -60:].mean() > 0.2
    assert not (unknown & (labels > 0)).any()
    assert unknown.mean() < 0.1


def test_networks_of_the_package_learn_only_what_may_be_passed_on(sets):
    import cells_phase
    import everything
    import nuclei_histology

    learnt = cells_phase.OPEN + everything.LEARNT + nuclei_histology.LEARNT
    assert {sets.SETS[name].tier for name in learnt} == {"A"}


def test_of_each_set_it_is_told_where_it_is_published(sets):
    import fetch

    assert fetch.PUBLISHED.keys() == sets.SETS.keys()
