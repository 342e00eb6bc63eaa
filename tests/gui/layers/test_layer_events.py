"""Layers and viewers that change while something is at work: it goes on, in its own layers only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from at_work import (
    idle,
    keeping_on,
    merging,
    previewing,
    running_a_batch,
    segmenting,
    training,
)
from gui_kit import SECONDS, finish_job, random_image, said
from gui_kit import library as library
from gui_kit import viewer as viewer
from scripted_training import script as script


def renamed(busy, _):
    for layer in busy.viewer.layers:
        layer.name = f"renamed {layer.name}"


def reordered(busy, _):
    busy.viewer.layers.reverse()


def replaced(busy, _):
    for layer in busy.layers:
        layer.data = layer.data[..., ::-1].copy()


def turned(busy, _):
    busy.viewer.add_points(np.zeros((1, 4)), name="further axis")
    busy.viewer.dims.order = (0, 2, 3, 1)
    busy.viewer.dims.set_current_step(2, 5)
    busy.viewer.dims.ndisplay = 3


def turned_and_back(busy, _):
    """For what needs a plane to go on."""
    turned(busy, _)
    busy.viewer.dims.ndisplay = 2
    busy.viewer.dims.order = (0, 1, 2, 3)


def doubled(busy, another):
    before = list(busy.viewer.layers)
    another()
    assert list(busy.viewer.layers) == before


EVENTS = renamed, reordered, replaced, turned, doubled
STATES = idle, segmenting, previewing, training, keeping_on, running_a_batch, merging
ELSEWHERE = {(segmenting, renamed), (merging, replaced)}
"""In the tests of the panels, as are some ends of a viewer, and layers that are removed."""
IN_A_PLANE = training, keeping_on, merging
CELLS = [
    (state, turned_and_back if event is turned and state in IN_A_PLANE else event)
    for state in STATES
    for event in EVENTS
    if (state, event) not in ELSEWHERE
]


def logged(caplog):
    """What went wrong unseen; vispy logs what it finds out about the screen."""
    return [record for record in caplog.records if record.name != "vispy"]


def content(busy):
    """What may only be changed by the user, in the order of the list."""
    layers = [x for x in busy.viewer.layers if x in busy.layers]
    return [(x.name, x.visible, x.data.dtype, x.data.tolist()) for x in layers]


@pytest.mark.parametrize(
    ("state", "event"), CELLS, ids=[f"{event.__name__}-{state.__name__}" for state, event in CELLS]
)
def test_what_is_at_work_goes_on_and_the_users_layers_stay(
    state, event, viewer, make_napari_viewer_proxy, qtbot, caplog
):
    busy = state(viewer, qtbot)

    def another():
        """Do the same in a second viewer, to its end; where one keeps learning, train."""
        # not shown: drivers that draw by software can't always draw two windows of one process
        second = make_napari_viewer_proxy(strict_qt="raise")
        other = (training if state is keeping_on else state)(second, qtbot)
        other.end()
        other.viewer.close()

    event(busy, another)
    before = content(busy)
    busy.end()
    assert content(busy) == before
    assert logged(caplog) == []


def test_a_result_that_is_exchanged_meanwhile_is_the_users(viewer, qtbot):
    panel = segmenting(viewer, qtbot).panel
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


def test_a_batch_ends_with_its_viewer_and_leaves_whole_files(viewer, qtbot, caplog):
    panel = running_a_batch(viewer, qtbot, n=200).panel
    run, folder = panel.session.jobs._task.run, Path(panel.output.value)
    viewer.close()
    qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert run.outcome.cancelled
    assert logged(caplog) == []
    assert all(tifffile.imread(path).shape[1] == 128 for path in folder.iterdir())


@pytest.mark.parametrize("state", [idle, previewing, running_a_batch, merging])
def test_all_layers_can_be_removed_and_it_works_on_others(state, viewer, qtbot, caplog):
    busy = state(viewer, qtbot)
    viewer.layers.clear()
    finish_job(busy.panel, qtbot)
    assert "went wrong" not in said(busy.panel)
    assert len(viewer.layers) == 0
    viewer.add_image(random_image(60, 70), name="other")
    if hasattr(busy.panel, "segment"):
        busy.panel.segment_button.click()
        finish_job(busy.panel, qtbot)
        assert "other labels" in viewer.layers
    assert logged(caplog) == []


@pytest.mark.parametrize("state", [idle, previewing, merging])
def test_the_viewer_can_be_closed(state, viewer, qtbot, caplog):
    jobs = state(viewer, qtbot).panel.session.jobs
    run = jobs._task.run if jobs.at_work else None
    viewer.close()
    if run is not None:
        qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert logged(caplog) == []
