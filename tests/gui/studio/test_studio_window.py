"""*U-Net Studio*, the dock with all panels, in a real window."""

from __future__ import annotations

import gui_kit
import numpy as np
import pytest
from gui_kit import SECONDS, random_image, small_model, wait_for_jobs
from gui_kit import library as library
from gui_kit import viewer as viewer

from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.plugin import PAGES, StudioDock, parts_of


@pytest.fixture
def studio(viewer):
    made = StudioDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net Studio")
    made.session.model, made.session.source = small_model(), "small"
    made.session.model_changed.emit(made.session.model)
    return made


def test_ways_between_panels_stay_in_the_dock(studio, viewer):
    docks = set(viewer.window.dock_widgets)
    row = studio.show_page("Segment").findChild(ModelRow)
    row.change_button.click()
    assert studio.tabs.currentWidget() is studio.show_page("Load U-Net")
    assert set(viewer.window.dock_widgets) == docks


def test_closing_the_dock_during_a_run_leaves_nothing_that_breaks(studio, viewer, qtbot):
    viewer.add_image(random_image(3, 512, 512), name="cells")
    for title in PAGES:
        studio.show_page(title)
    session = studio.session
    session.model = gui_kit.large_model()
    studio.show_page("Segment").segment_button.click()
    qtbot.waitUntil(lambda: session.jobs.running, timeout=SECONDS)
    viewer.window.remove_dock_widget(studio)
    assert parts_of(viewer).studio is None
    viewer.add_image(random_image(60, 70), name="later")
    session.jobs.cancel()
    wait_for_jobs(session.jobs, qtbot)
    again = StudioDock(viewer)
    viewer.window.add_dock_widget(again, name="again")
    assert again.session is session
    assert parts_of(viewer).studio is again


def test_what_others_keep_under_our_key_is_no_trouble(viewer, library):
    image = viewer.add_image(random_image(60, 70), name="cells")
    viewer.add_labels(np.ones((60, 70), np.uint8), metadata={"napari_unet": "1.0"}, name="theirs")
    studio = StudioDock(viewer)
    viewer.window.add_dock_widget(studio, name="U-Net Studio")
    for page in ("Segment", "Annotate", "Fine-tune"):
        studio.show_page(page)
    assert studio.show_page("Segment").image.layer == image


def test_texts_of_one_line_take_up_one(studio, viewer):
    viewer.add_image(random_image(3, 60, 70), name="cells")
    image = studio.show_page("Segment").image
    studio.layout().activate()
    assert image.meaning.text() == "3 planes of 70 × 60 pixels"
    assert image.meaning.sizeHint().height() < 1.5 * image.meaning.fontMetrics().height() + 12
