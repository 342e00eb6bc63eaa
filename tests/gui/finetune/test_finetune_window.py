"""*Fine-tune* in a real viewer: from paint to a network that is kept; panels and viewers that close."""

from __future__ import annotations

import pytest
import tifffile
from finetune_kit import begin, discs, quick, save_often, scribbles, shown, wait_for_summary
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS, finish_job, said, small_model, wait_for_jobs
from gui_kit import dock as dock
from gui_kit import library as library
from gui_kit import viewer as viewer
from napari._qt.layer_controls.qt_labels_controls import QtLabelsControls
from scripted_training import script as script

from napari_unet.gui.plugin import FinetuneDock
from napari_unet.gui.widgets.fields import MAIN


@pytest.mark.real_training
def test_from_paint_to_a_network_that_segment_uses(painted_panel, viewer, library, qtbot):
    panel = painted_panel
    wait_for_summary(panel, "strokes; pixels: background", qtbot)
    qtbot.waitUntil(lambda: "patches of" in panel.form.summary.plan_label.text(), timeout=SECONDS)
    assert shown(panel) == {"form"}
    quick(panel, steps=100)
    panel.form.settings["learning_rate"].value = 0.03
    old = panel.session.model
    begin(panel, qtbot, steps=2)
    assert shown(panel) == {"live"}
    qtbot.waitUntil(lambda: "steps/s" in panel.foot.note.text(), timeout=SECONDS)
    finish_job(panel, qtbot)
    assert shown(panel) == {"live", "comparison"}
    result = panel.session.training.result
    assert result.better, result.verdict
    assert panel.session.model is old, "not before it is wanted"
    assert "Better" in panel.outcome.comparison.verdict_label.text()
    assert "cell" in panel.outcome.comparison.scores_label.text()
    assert panel.outcome.comparison.keep_button.styleSheet() == MAIN
    panel.outcome.comparison.keep_button.click()
    finish_job(panel, qtbot)
    assert panel.session.model.spec.name == "small-tuned"
    assert panel.session.source == "small-tuned"
    assert {e.name for e in library.entries() if not e.bundled} == {"small", "small-tuned"}
    assert panel.session.model.spec.provenance.training["annotated_pixels"]["cell"] > 0
    assert shown(panel) == {"form"}
    assert panel.form.start.network.entries[0][0] == "small-tuned"
    assert "cells preview" in said(panel), "what it finds is shown"
    panel.outcome.segment_button.click()
    assert viewer.window.dock_widgets["Segment (napari-unet-studio)"].isVisible()
    finish_job(panel, qtbot)
    made = next(x for x in viewer.layers if x.name == "cells labels")
    assert made.metadata["napari_unet"]["model"] == "small-tuned"
    _, inside = discs()
    assert (made.data > 0)[inside].mean() > 0.8


def test_a_closed_panel_finds_its_training_again(painted_panel, viewer, dock, qtbot):
    panel = painted_panel
    quick(panel, steps=60)
    begin(panel, qtbot, steps=1)
    session, gone = panel.session, []
    panel.destroyed.connect(lambda: gone.append(True))
    dock.close(panel)
    qtbot.waitUntil(lambda: bool(gone), timeout=SECONDS)
    again = dock(FinetuneDock(viewer))
    assert "live" in shown(again)
    wait_for_jobs(session.jobs, qtbot)
    assert shown(again) == {"live", "comparison"}
    again.outcome.comparison.keep_button.click()
    finish_job(again, qtbot)
    assert session.model.spec.name == "small-tuned"


def test_closing_the_viewer_stops_the_training_without_a_word(painted_panel, viewer, qtbot, caplog):
    panel = painted_panel
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    run = panel.session.jobs._task.run
    viewer.close()
    qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert run.outcome.cancelled
    assert caplog.records == []


def test_an_interrupted_training_is_found_by_the_same_image_only(
    viewer, make_napari_viewer_proxy, tmp_path, qtbot
):
    image, inside = discs()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "cells.tif", image)

    def opened(viewer, path, source="small"):
        panel = FinetuneDock(viewer)
        viewer.window.add_dock_widget(panel, name="Fine-tune")
        panel.session.model, panel.session.source = small_model(), source
        panel.session.model_changed.emit(panel.session.model)
        viewer.open(path, plugin="napari")
        return panel

    panel = opened(viewer, tmp_path / "one" / "cells.tif")
    quick(panel, steps=5000)
    save_often(panel)
    panel.form.pairs.first.new_button.click()
    panel.form.pairs.first.labels.layer.data = scribbles(inside)
    begin(panel, qtbot, steps=1)
    qtbot.waitUntil(panel.form.state().exists, timeout=SECONDS)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    assert panel.resume_offer.isVisibleTo(panel)
    again = opened(make_napari_viewer_proxy(), tmp_path / "one" / "cells.tif")
    assert again.resume_offer.isVisibleTo(again)
    other_image = opened(make_napari_viewer_proxy(), tmp_path / "two" / "cells.tif")
    assert not other_image.resume_offer.isVisibleTo(other_image)
    other_model = opened(make_napari_viewer_proxy(), tmp_path / "one" / "cells.tif", "not small")
    assert not other_model.resume_offer.isVisibleTo(other_model)


def test_closing_the_viewer_ends_what_keeps_learning(painted_panel, viewer, qtbot, caplog):
    painted_panel.form.learn_button.click()
    qtbot.waitUntil(lambda: "cells learning" in viewer.layers, timeout=SECONDS)
    run = painted_panel.session.jobs._task.run
    viewer.close()
    qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert caplog.records == []


def test_painting_renews_the_summary(panel, viewer, qtbot):
    viewer.add_image(discs()[0], name="cells")
    panel.form.pairs.first.new_button.click()
    layer = panel.form.pairs.first.labels.layer
    assert viewer.layers.selection.active == layer
    assert (layer.mode, layer.selected_label) == ("paint", 1)
    (controls,) = panel.window().findChildren(QtLabelsControls)
    assert controls.paint_button.isChecked()
    layer.paint((30, 30), 1)
    wait_for_summary(panel, "No cell painted yet (label 2)", qtbot)
    panel.form.train_button.click()
    qtbot.waitUntil(lambda: "Only &#x27;background&#x27;" in said(panel), timeout=SECONDS)
    assert panel.form.summary.plan_label.text() == ""
    layer.paint((60, 60), 2)
    wait_for_summary(panel, "2 strokes", qtbot)
    qtbot.waitUntil(lambda: "MiB" in panel.form.summary.plan_label.text(), timeout=SECONDS)
    layer.undo()
    wait_for_summary(panel, "1 stroke;", qtbot)


def test_layers_removed_meanwhile_disturb_nothing(painted_panel, viewer, qtbot):
    panel = painted_panel
    quick(panel, steps=40)
    begin(panel, qtbot, steps=1)
    viewer.layers.clear()
    finish_job(panel, qtbot)
    assert panel.session.training.result is not None
    panel.outcome.comparison.keep_button.click()
    finish_job(panel, qtbot)
    assert panel.session.model.spec.name == "small-tuned"
    panel.outcome.segment_button.click()
