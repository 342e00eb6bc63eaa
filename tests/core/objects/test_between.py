"""Objects that were labelled in some planes only."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.errors import UserError
from napari_unet.core.objects.between import fill_between


def ball(radius=10, size=25):
    grid = np.mgrid[:size, :size, :size] - size // 2
    return ((grid**2).sum(axis=0) <= radius**2).astype(np.uint16) * 3


def filled(labels, axis=0):
    edit = fill_between(labels, axis)
    after = labels.copy()
    after[edit.where] = edit.values
    return after


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_ball_known_in_every_third_plane_comes_back(axis):
    whole = np.moveaxis(ball(), 0, axis)
    known = np.moveaxis(np.zeros_like(whole), axis, 0)
    known[3:23:3] = np.moveaxis(whole, axis, 0)[3:23:3]
    known = np.moveaxis(known, 0, axis)
    after = filled(known, axis)
    assert np.array_equal(after[known > 0], known[known > 0])
    # what lies beyond the first and the last of them is not known
    found, there = (np.moveaxis(each, axis, 0)[3:22] > 0 for each in (after, whole))
    assert (found & there).sum() / (found | there).sum() > 0.9


def test_others_keep_all_they_have():
    known = np.zeros((5, 20, 20), np.uint8)
    known[0, 5:15, 5:15] = known[4, 5:15, 5:15] = 1
    known[2, 8:12, 8:12] = 2
    after = filled(known)
    assert (after[2, 8:12, 8:12] == 2).all()
    assert (after[1:4, 5, 5] == 1).all()


def test_nothing_to_fill_is_told():
    with pytest.raises(UserError, match="nothing to fill"):
        fill_between(ball())
