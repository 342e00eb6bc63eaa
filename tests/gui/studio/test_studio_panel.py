"""*U-Net Studio*, the dock with all panels."""

from __future__ import annotations

import pytest
from finetune_kit import discs, scribbles
from gui_kit import SECONDS, finish_job, random_image, small_model
from windowless import dock as dock
from windowless import library as library
from windowless import viewer as viewer

from napari_unet.gui.layers.purpose import KIND
from napari_unet.gui.plugin import PAGES, StudioDock
from napari_unet.gui.studio.guide import MEASURE, Situation, next_step, step_beside
from napari_unet.gui.studio.panel import TABS


@pytest.fixture
def studio(viewer, dock, library):
    made = dock(StudioDock(viewer))
    made.session.model, made.session.source = small_model(), "small"
    made.session.model_changed.emit(made.session.model)
    return made


def says(studio, qtbot, words):
    qtbot.waitUntil(lambda: words in studio.next_button.text(), timeout=SECONDS)


@pytest.mark.parametrize(
    ("now", "page", "words"),
    [
        (Situation(), "", "Open an image"),
        (Situation(image="a"), "Segment", "Press Segment"),
        (Situation(image="a", running=True), "", "Cancel"),
        (Situation(image="a", result=True), "Annotate", "Correct"),
        (Situation(image="a", result=True, painted=True), "Fine-tune", "train"),
        (Situation(image="a", painted=True), "Fine-tune", "train"),
        (Situation(image="a", restorable=True), "Annotate", "Restore"),
        (Situation(image="a", restorable=True, painted=True), "Fine-tune", "train"),
        (Situation(image="a", undecided=True, running=True), "Fine-tune", "keep or discard"),
        (Situation(image="a", result=True, painted=True, tuned=True), "Segment", "Press Segment"),
    ],
)
def test_what_comes_next(now, page, words):
    step = next_step(now)
    assert step.page == page
    assert words in step.words


def test_a_result_can_be_measured_at_once():
    assert step_beside(Situation(image="a", result=True)) is MEASURE
    assert step_beside(Situation(image="a", result=True, painted=True)) is MEASURE
    assert step_beside(Situation(image="a")) is None
    assert step_beside(Situation(image="a", result=True, running=True)) is None


def test_it_shows_how_things_stand_on_the_way_to_a_result(studio, viewer, qtbot):
    says(studio, qtbot, "Open an image")
    assert not studio.next_button.isEnabled()
    viewer.add_image(random_image(3, 60, 70), name="cells")
    says(studio, qtbot, "Press Segment")
    page = studio.show_page("Segment")
    page.segment_button.click()
    assert page.foot.note.text().startswith("Segmenting cells")
    finish_job(studio, qtbot)
    says(studio, qtbot, "Correct")
    assert not page.foot.note.isVisibleTo(page)
    studio.next_button.click()
    assert studio.tabs.currentWidget() is studio.show_page("Annotate")
    viewer.layers["cells labels"].metadata = {
        **viewer.layers["cells labels"].metadata,
        KIND: "classes",
    }
    viewer.add_labels(random_image(60, 70) > 200, name="more", metadata={KIND: "scribbles"})
    says(studio, qtbot, "train")
    studio.session.model = small_model("tuned")
    studio.session.model_changed.emit(studio.session.model)
    says(studio, qtbot, "Press Segment")


def test_panels_are_made_when_they_are_looked_at_and_once(studio):
    assert list(studio._pages) == ["Segment"]
    pages = {title: studio.show_page(title) for title in PAGES}
    assert [studio.tabs.tabText(i) for i in range(studio.tabs.count())] == [
        TABS.get(title, title) for title in PAGES
    ]
    for title, page in pages.items():
        assert studio.show_page(title) is page
        assert studio.tabs.currentWidget() is page


def test_without_an_image_the_next_step_is_to_open_one(studio, viewer, qtbot):
    viewer.add_image(random_image(60, 70), name="cells")
    says(studio, qtbot, "Press Segment")
    viewer.layers.clear()
    says(studio, qtbot, "Open an image")


def test_a_training_is_planned_when_its_page_is_looked_at(studio, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(image, name="cells")
    summary = studio.show_page("Fine-tune").form.summary
    annotate = studio.show_page("Annotate")
    annotate.source.new_button.click()
    annotate.annotation.layer.data = scribbles(inside)
    qtbot.waitUntil(lambda: "strokes" in summary.summary_label.text(), timeout=SECONDS)
    assert summary.plan_label.text() == "", "painting is not held up by it"
    studio.show_page("Fine-tune")
    qtbot.waitUntil(lambda: "MiB" in summary.plan_label.text(), timeout=SECONDS)
    studio.show_page("Annotate")
    annotate.annotation.layer.paint((30, 30), 1)
    qtbot.waitUntil(lambda: summary.plan_label.text() == "", timeout=SECONDS)
