"""*Keep learning* in a real viewer: it shows how far it is, and makes room for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS, said, wait_for_jobs
from scripted_training import script as script
from windowless import dock as dock
from windowless import library as library
from windowless import viewer as viewer

from napari_unet.gui.layers.purpose import is_paint
from napari_unet.gui.plugin import SegmentDock, StudioDock


def learn(panel, viewer, qtbot):
    """Press *Keep learning*, and wait until it shows what it has learnt."""
    panel.form.learn_button.click()
    jobs = panel.session.jobs
    qtbot.waitUntil(lambda: "cells learning" in viewer.layers, timeout=SECONDS)
    assert jobs.at_work
    return viewer.layers["cells learning"]


def end(panel, qtbot):
    panel.stop_button.click()
    qtbot.waitUntil(lambda: not panel.session.jobs.at_work, timeout=SECONDS)


@pytest.mark.real_training
def test_it_learns_while_one_paints_and_shows_it(painted_panel, viewer, qtbot):
    panel = painted_panel
    paint = panel.form.pairs.first.labels.layer
    viewer.layers.selection.active = paint
    shown = learn(panel, viewer, qtbot)
    assert viewer.layers.selection.active == paint
    assert viewer.layers.index(shown) < viewer.layers.index(paint)
    assert not is_paint(shown)
    assert not shown.editable
    assert shown.data.shape[0] == 96
    assert shown.data.any()
    run = panel.session.training
    with qtbot.waitSignal(run.annotation_taken, timeout=SECONDS):
        paint.paint((50, 50), 1)

    def learnt():
        return run._so_far.trained.training_set.annotations[0].paint[50, 50] == 1

    qtbot.waitUntil(learnt, timeout=SECONDS)
    end(panel, qtbot)
    assert panel.outcome.comparison.isVisibleTo(panel)
    assert run.result.trained.training_set.annotations[0].paint[50, 50] == 1
    before = shown.data
    qtbot.wait(600)
    assert shown.data is before


def test_learning_again_shows_it_in_the_same_layer(painted_panel, viewer, qtbot):
    shown = learn(painted_panel, viewer, qtbot)
    end(painted_panel, qtbot)
    painted_panel.outcome.comparison.discard_button.click()
    before = shown.data
    painted_panel.form.learn_button.click()
    qtbot.waitUntil(lambda: shown.data is not before, timeout=SECONDS)
    assert sum("learning" in layer.name for layer in viewer.layers) == 1
    end(painted_panel, qtbot)


def test_segmenting_meanwhile_goes_first(painted_panel, viewer, dock, qtbot):
    panel = painted_panel
    other = dock(SegmentDock(viewer))
    learn(panel, viewer, qtbot)
    run = panel.session.training
    other.image.layers.choose(viewer.layers["cells"])
    other.segment_button.click()
    assert panel.session.jobs.running
    wait_for_jobs(panel.session.jobs, qtbot)
    assert "Done" in said(other)
    assert "cells labels" in viewer.layers
    steps = len(run.losses)
    qtbot.waitUntil(
        lambda: len(run.losses) > steps or "Waiting for new" in panel.foot.note.text(),
        timeout=SECONDS,
    )
    assert panel.foot.note.isVisibleTo(panel)
    end(panel, qtbot)
    assert run.result is not None


def test_what_it_shows_can_be_removed_and_so_can_the_image(painted_panel, viewer, qtbot, caplog):
    panel = painted_panel
    learn(panel, viewer, qtbot)
    run = panel.session.training
    viewer.layers.remove("cells learning")
    n = len(run.checks)
    qtbot.waitUntil(
        lambda: len(run.checks) > n or "Waiting for new" in panel.foot.note.text(), timeout=SECONDS
    )
    qtbot.wait(500)
    assert "cells learning" not in viewer.layers
    viewer.layers.clear()
    qtbot.wait(500)
    end(panel, qtbot)
    assert run.result is not None
    assert caplog.records == []


def test_it_shows_planes_as_they_are_looked_at(panel, viewer, qtbot):
    from finetune_kit import discs, scribbles

    image, inside = discs()
    viewer.add_image(np.stack([image, image[::-1]]), name="cells", axis_labels=("z", "y", "x"))
    panel.form.pairs.first.new_button.click()
    panel.form.pairs.first.labels.layer.data = np.stack([scribbles(inside), 0 * scribbles(inside)])
    viewer.dims.set_current_step(0, 0)
    shown = learn(panel, viewer, qtbot)
    assert shown.data.shape[0] == 1
    assert shown.translate[0] == 0
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: shown.translate[0] == 1, timeout=SECONDS)
    end(panel, qtbot)


def test_the_dock_says_that_it_learns(painted_panel, viewer, dock, qtbot):
    studio = dock(StudioDock(viewer))
    learn(painted_panel, viewer, qtbot)
    note = studio.show_page("Segment").foot.note
    assert "Learning" in note.text()
    end(painted_panel, qtbot)
    qtbot.waitUntil(lambda: not note.isVisibleTo(studio), timeout=SECONDS)
