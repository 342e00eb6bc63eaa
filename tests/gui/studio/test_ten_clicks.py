"""From a phase-contrast image to a table by a corrected and tuned network, by the mouse: ten clicks."""

from __future__ import annotations

import numpy as np
import pytest
from gui_kit import SECONDS, wait_for_jobs
from gui_kit import drawn as drawn
from gui_kit import library as library
from gui_kit import pace as pace
from gui_kit import viewer as viewer
from hand import Hand
from qtpy.QtCore import Qt
from scripted_training import script as script

from napari_unet.services.samples import sample_path
from napari_unet.services.training.options import PRESETS

CLICKS = 10
"""At most, beside those of the three corrections; opening the image counts as one."""
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def studio(viewer):
    """The dock in a window of 1280 × 800 pixels."""
    viewer.window.resize(1280, 800)
    _, made = viewer.window.add_plugin_dock_widget("napari-unet-studio", "U-Net Studio")
    return made


@pytest.fixture
def hand(qtbot, viewer):
    """A hand at the mouse."""
    made = Hand(qtbot, viewer)
    yield made
    made.rest()


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    short = PRESETS["Quick"].model_copy(update={"steps": 4})
    monkeypatch.setitem(PRESETS, "Quick", short)
    # tracing the bundled network takes seconds
    traced = "napari_unet.core.training.traced_memory._float32_bytes_per_pixel"
    monkeypatch.setattr(traced, lambda *_: 1000.0)


@pytest.mark.usefixtures("drawn")
def test_from_an_image_to_a_table_by_a_tuned_network(studio, viewer, hand, qtbot, script):
    script.iou, script.gain = 0.6, 0.2
    session, tune = studio.session, studio.show_page("Fine-tune")
    for name, value in {"patch": 32, "batch": 1}.items():
        tune.form.settings[name].value = value

    def rest():
        wait_for_jobs(session.jobs, qtbot)

    # open: a file that is dropped on the window is pressed and released once
    (image,) = viewer.open(sample_path("phase_cells"), plugin="napari-unet-studio")
    hand.clicks += 1
    segment = studio.show_page("Segment")
    qtbot.waitUntil(lambda: session.suggestions.first == "cells-phase", timeout=SECONDS)

    # choose: the best match is chosen in the list, and loading it leads back
    hand.click(segment.model_row.change_button)
    load = studio.show_page("Load U-Net")
    assert load.list.chosen == "cells-phase"
    hand.click(load.load_button)
    rest()
    assert session.model.spec.name == "cells-phase"

    hand.click(segment.segment_button)
    rest()
    result = viewer.layers[f"{image.name} objects"]

    # correct three objects, at once after the result is there
    qtbot.waitUntil(lambda: "Correct" in studio.next_button.text(), timeout=SECONDS)
    hand.click(studio.next_button)
    annotate = studio.show_page("Annotate")
    layer = annotate.annotation.layer
    assert (result.visible, layer.visible) == (False, True)
    for number in np.unique(layer.data)[1:4]:
        rows, columns = np.nonzero(layer.data == number)
        hand.click_image(layer, (rows[len(rows) // 2], columns[len(rows) // 2]), CONTROL)
        assert not (layer.data == number).any()
    assert hand.edits == 3

    hand.click(annotate.checks.plane_button)
    hand.click(annotate.quick_button)
    rest()
    assert session.training.result is not None
    hand.click(tune.outcome.comparison.keep_button)
    qtbot.waitUntil(lambda: session.source == "cells-phase-tuned", timeout=SECONDS)

    # what is on the screen is being segmented: that gives way
    hand.click(tune.outcome.segment_button)
    qtbot.waitUntil(lambda: studio.tabs.currentWidget() is segment, timeout=SECONDS)
    rest()
    hand.click(studio.beside_button)
    measure = studio.show_page("Measure")
    qtbot.waitUntil(lambda: measure.table.rows.rowCount() > 0, timeout=SECONDS)
    assert measure.labels.layer.metadata["napari_unet"]["model"] == "cells-phase-tuned"
    assert hand.clicks <= CLICKS
