"""What somebody who does it for the first time meets: the right layer, sights that can be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import objects as objects
from annotate_kit import panel as panel
from annotate_kit import record, squares
from gui_kit import SECONDS, finish_job, random_image, small_model
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.plugin import StudioDock


@pytest.fixture
def studio(viewer, dock, library):
    """All panels in their dock, with a small network and a stack."""
    made = dock(StudioDock(viewer))
    made.session.model, made.session.source = small_model(), "small"
    made.session.model_changed.emit(made.session.model)
    viewer.add_image(random_image(3, 60, 70), name="cells")
    return made


def segment(studio, qtbot, what="segment"):
    getattr(studio.show_page("Segment"), f"{what}_button").click()
    finish_job(studio, qtbot)


def in_sight(viewer):
    return {layer.name for layer in viewer.layers if layer.visible}


def test_a_preview_is_neither_a_result_to_correct_nor_paint_to_learn(studio, viewer, qtbot):
    segment(studio, qtbot, "preview")
    assert viewer.layers.selection.active.name == "cells preview"
    qtbot.waitUntil(lambda: "Press Segment" in studio.advice_label.text(), timeout=SECONDS)
    source = studio.show_page("Annotate").source
    assert source.result.layer is None
    assert not source.correct_button.isEnabled()
    assert "press Segment" in source.correct_button.toolTip()
    assert studio.show_page("Fine-tune").form.pairs.first.labels.layer is None
    segment(studio, qtbot)
    assert source.result.layer.name == "cells labels"


def test_a_new_result_is_seen_alone_and_not_learnt_in_place_of_what_was_corrected(
    studio, viewer, qtbot
):
    segment(studio, qtbot)
    annotate = studio.show_page("Annotate")
    annotate.source.correct_button.click()
    corrected = annotate.annotation.layer
    annotate.finetune_button.click()
    pair = studio.show_page("Fine-tune").form.pairs.first
    assert pair.labels.layer == corrected
    segment(studio, qtbot, "preview")
    studio.session.model = small_model("tuned")
    segment(studio, qtbot)
    qtbot.waitUntil(lambda: in_sight(viewer) == {"cells", "cells labels [1]"}, timeout=SECONDS)
    assert pair.labels.layer == corrected
    judged = studio.show_page("Segment").evaluation.form.result
    assert judged.layer.name == "cells labels [1]"
    annotate.pick(1)
    assert corrected.visible, "who takes up the brush sees what is painted"
    # a result that lay hidden is seen when it is made anew
    studio.session.model = small_model()
    viewer.layers["cells labels"].visible = False
    segment(studio, qtbot)
    qtbot.waitUntil(lambda: in_sight(viewer) == {"cells", "cells labels"}, timeout=SECONDS)
    assert judged.layer.name == "cells labels"


def test_correcting_right_after_the_result_leaves_the_copy_in_sight(studio, viewer, qtbot):
    annotate = studio.show_page("Annotate")

    def press(event):
        # as soon as the result is complete, before whatever else follows its end
        if event.source.editable:
            annotate.source.correct_button.click()

    viewer.layers.events.inserted.connect(
        lambda event: event.value.events.editable.connect(press), position="first"
    )
    segment(studio, qtbot)
    qtbot.waitUntil(lambda: annotate.annotation.layer is not None, timeout=SECONDS)
    qtbot.wait(50)
    assert in_sight(viewer) == {"cells", "cells labels corrected"}


def test_the_line_at_the_top_begins_the_correction(studio, viewer, qtbot):
    segment(studio, qtbot)
    qtbot.waitUntil(lambda: "Correct" in studio.next_button.text(), timeout=SECONDS)
    studio.next_button.click()
    annotate = studio.show_page("Annotate")
    assert studio.tabs.currentWidget() is annotate
    assert annotate.annotation.layer.name == "cells labels corrected"


@pytest.mark.parametrize("title", ["Segment", "Fine-tune", "Batch"])
def test_who_changes_the_network_comes_back(title, studio, qtbot):
    page = studio.show_page(title)
    (row,) = page.findChildren(ModelRow)
    row.change_button.click()
    load = studio.show_page("Load U-Net")
    load.load_button.click()
    finish_job(studio, qtbot)
    assert studio.tabs.currentWidget() is page
    # not to where one came from once
    studio.show_page("Load U-Net").load_button.click()
    finish_job(studio, qtbot)
    assert studio.tabs.currentWidget() is load


def test_scribbles_stay_in_sight(studio, viewer, qtbot):
    studio.show_page("Annotate").source.new_button.click()
    segment(studio, qtbot)
    qtbot.wait(100)
    assert in_sight(viewer) == {"cells", "cells scribbles", "cells labels"}


def test_the_next_step_leads_elsewhere_or_is_only_said(studio, viewer, qtbot):
    qtbot.waitUntil(lambda: studio.advice_label.text() == "Press Segment.", timeout=SECONDS)
    assert studio.advice_label.isVisibleTo(studio)
    assert not studio.next_button.isVisibleTo(studio)
    top = studio.tabs.y()
    studio.show_page("Annotate")
    qtbot.waitUntil(lambda: studio.next_button.isVisibleTo(studio), timeout=SECONDS)
    qtbot.wait(100)
    assert abs(studio.tabs.y() - top) < 4, "what is below stays in its place"
    studio.next_button.click()
    assert studio.tabs.currentWidget() is studio.show_page("Segment")


def test_the_brush_on_corrected_objects_changes_none_of_them(panel, objects):
    assert panel.annotation.layer.selected_label == squares().max() + 1


def test_the_brush_on_corrected_classes_paints_the_first(panel, viewer):
    viewer.add_image(np.zeros((40, 60)), name="cells")
    labels = (squares() > 0).astype(np.uint8)
    viewer.add_labels(labels, name="found", metadata=record(objects=False))
    panel.source.correct_button.click()
    assert panel.annotation.layer.selected_label == 1
