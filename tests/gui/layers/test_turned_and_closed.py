"""Windows that are turned and closed while something is at work."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile
from at_work import (
    content,
    idle,
    keeping_on,
    merging,
    previewing,
    running_a_batch,
    segmenting,
    turn,
)
from gui_kit import SECONDS
from gui_kit import dock as dock
from gui_kit import drawn as drawn
from gui_kit import library as library
from gui_kit import pace as pace
from gui_kit import viewer as viewer
from scripted_training import script as script


def logged(caplog):
    """What went wrong unseen; vispy logs what it finds out about the screen."""
    return [record for record in caplog.records if record.name != "vispy"]


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("state", [idle, segmenting, keeping_on])
def test_what_is_at_work_goes_on_while_the_view_is_turned(state, viewer, dock, qtbot, caplog):
    """As among the events of layers in all states, but here it is drawn."""
    busy = state(viewer, dock, qtbot)
    turn(busy)
    before = content(busy)
    busy.end()
    assert content(busy) == before
    assert logged(caplog) == []


def test_what_keeps_learning_shows_where_one_looks(viewer, dock, qtbot):
    busy = keeping_on(viewer, dock, qtbot)
    shown = viewer.layers["cells learning"]
    before = shown.data.shape
    getattr(viewer, "scene", viewer).camera.zoom *= 4
    qtbot.waitUntil(lambda: shown.data.shape != before, timeout=SECONDS)
    busy.end()


def test_a_batch_ends_with_its_viewer_and_leaves_whole_files(viewer, dock, qtbot, caplog):
    panel = running_a_batch(viewer, dock, qtbot, n=200).panel
    run, folder = panel.session.jobs._task.run, Path(panel.output.value)
    viewer.close()
    qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert run.outcome.cancelled
    assert logged(caplog) == []
    assert all(tifffile.imread(path).shape[1] == 128 for path in folder.iterdir())


@pytest.mark.parametrize("state", [idle, previewing, merging])
def test_the_viewer_can_be_closed(state, viewer, dock, qtbot, caplog):
    jobs = state(viewer, dock, qtbot).panel.session.jobs
    run = jobs._task.run if jobs.at_work else None
    viewer.close()
    if run is not None:
        qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert logged(caplog) == []
