"""What a person changed in a result is known, and held out first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.holdout import hold_out
from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.annotations.units import units_of
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish

ONE = {1: "cell"}


def grid(n=3, side=16, size=10):
    """n x n square objects."""
    labels = np.zeros((n * side, n * side), np.int32)
    for i in range(n * n):
        y, x = divmod(i, n)
        labels[y * side + 3 : y * side + 3 + size, x * side + 3 : x * side + 3 + size] = i + 1
    return labels


def inspected(paint, before, kind="objects", **others):
    image = Image(np.zeros(paint.shape, np.uint8), "TYX"[-paint.ndim :], name="image")
    annotation = Annotation(image, paint, kind, result_before=before, **others)
    return finish(inspect_annotations([annotation], ONE)).truths[0]


@given(st.sets(st.integers(1, 9)), st.sets(st.integers(1, 9)))
def test_what_was_redrawn_or_removed_is_known_whatever_the_numbers(redrawn, removed):
    before = grid()
    paint = np.where(before > 0, 20 - before, 0)
    for label in removed:
        paint[before == label] = 0
    for label in redrawn - removed:
        y, x = np.argwhere(before == label)[0]
        paint[y : y + 4, x : x + 10] = 0
    truth = inspected(paint, before)
    changed = set(20 - truth.strokes.values[truth.strokes.changed])
    assert changed == redrawn - removed
    assert set(truth.removed.values) == removed


def test_without_a_result_everything_was_painted_anew():
    truth = inspected(grid(), None)
    assert truth.strokes.changed.all()
    assert not len(truth.removed.sizes)


def test_planes_that_nobody_corrected_are_no_annotation():
    before = np.stack([grid(), grid(), grid()])
    paint = before.copy()
    paint[1][paint[1] == 5] = 0
    assert list(inspected(paint, before).applies) == [(1,)]
    assert not inspected(before.copy(), before).applies


def test_a_slip_of_the_brush_is_no_correction():
    before, paint = grid(), grid()
    paint[3, 3] = 0
    paint[paint == 9] = 0
    assert not inspected(paint, before).strokes.changed.any()


def test_a_class_that_was_changed_is_known():
    before = (grid() > 0).astype(np.uint8)
    paint = before.copy()
    paint[:16, :16] = 0
    paint[20:40, 20:24] = 1
    truth = inspected(paint, before, "classes")
    assert truth.strokes.changed.sum() == 1
    assert len(truth.removed.sizes) == 1


@pytest.mark.parametrize("seed", range(5))
def test_of_three_corrections_two_are_held_out(seed):
    before, paint = grid(), grid()
    for label in (1, 5):
        y, x = np.argwhere(before == label)[0]
        paint[y : y + 5, x : x + 10] = 0
    paint[paint == 9] = 0
    truth = inspected(paint, before)
    held = finish(hold_out([truth], seed=seed)).truths[0]
    frame, box = truth.annotation.whole(())
    units = units_of(held, frame, box)
    flags = np.concatenate([truth.strokes.changed, truth.removed.changed])
    assert sum(flags[key.stroke] for key in units.keys) == 2
    assert any(not flags[key.stroke] for key in units.keys)


def test_a_result_of_another_shape_is_refused():
    with pytest.raises(UserError, match="result before"):
        inspected(grid(), grid(2))
