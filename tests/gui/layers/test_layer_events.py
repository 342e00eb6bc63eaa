"""Layers that change while something is at work: it goes on, in its own layers only."""

from __future__ import annotations

import numpy as np
import pytest
from at_work import (
    content,
    idle,
    keeping_on,
    merging,
    previewing,
    running_a_batch,
    segmenting,
    training,
    turn,
)
from gui_kit import finish_job, random_image, said
from napari.components import ViewerModel
from scripted_training import script as script
from windowless import dock as dock
from windowless import library as library
from windowless import readers as readers
from windowless import viewer as viewer

pytestmark = pytest.mark.usefixtures("library")


def renamed(busy, _):
    for layer in busy.viewer.layers:
        layer.name = f"renamed {layer.name}"


def reordered(busy, _):
    busy.viewer.layers.reverse()


def replaced(busy, _):
    for layer in busy.layers:
        layer.data = layer.data[..., ::-1].copy()


def doubled(busy, another):
    before = list(busy.viewer.layers)
    another()
    assert list(busy.viewer.layers) == before


def turned(busy, _):
    turn(busy)


EVENTS = renamed, reordered, replaced, doubled, turned
STATES = idle, segmenting, previewing, training, keeping_on, running_a_batch, merging
IN_A_WINDOW = {(state, turned) for state in (idle, segmenting, keeping_on)}
ELSEWHERE = {(segmenting, renamed), (merging, replaced)} | IN_A_WINDOW
"""In the tests of the panels, as are some ends of a viewer, and layers that are removed."""
CELLS = [(s, e) for s in STATES for e in EVENTS if (s, e) not in ELSEWHERE]


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("state", "event"), CELLS, ids=[f"{event.__name__}-{state.__name__}" for state, event in CELLS]
)
def test_what_is_at_work_goes_on_and_the_users_layers_stay(
    state, event, viewer, dock, readers, qtbot, caplog
):
    busy = state(viewer, dock, qtbot)

    def another():
        """Do the same in a second viewer, to its end; where one keeps learning, train."""
        if state in (training, keeping_on):
            # of another image: two trainings of the same would share their state
            other = training(ViewerModel(), dock, qtbot, name="other cells")
        else:
            other = state(ViewerModel(), dock, qtbot)
        other.end()
        other.panel.session.jobs.abandon()

    event(busy, another)
    before = content(busy)
    busy.end()
    assert content(busy) == before
    assert caplog.records == []


def test_a_result_that_is_exchanged_meanwhile_is_the_users(viewer, dock, qtbot):
    panel = segmenting(viewer, dock, qtbot).panel
    first, own = viewer.layers["cells labels"], np.full((8, 96, 96), 3, np.uint8)
    first.data = own
    finish_job(panel, qtbot)
    panel.segment_button.click()
    finish_job(panel, qtbot)
    assert first.data is own
    second = viewer.layers[-1]
    panel.segment_button.click()
    second.data = own
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    assert second.data is own
    assert second.editable
    assert (own == 3).all()
    assert len(viewer.layers) == 4


@pytest.mark.parametrize("state", [idle, previewing, running_a_batch, merging])
def test_all_layers_can_be_removed_and_it_works_on_others(state, viewer, dock, qtbot, caplog):
    busy = state(viewer, dock, qtbot)
    viewer.layers.clear()
    finish_job(busy.panel, qtbot)
    assert "went wrong" not in said(busy.panel)
    assert len(viewer.layers) == 0
    viewer.add_image(random_image(60, 70), name="other")
    if hasattr(busy.panel, "segment"):
        busy.panel.segment_button.click()
        finish_job(busy.panel, qtbot)
        assert "other labels" in viewer.layers
    assert caplog.records == []
