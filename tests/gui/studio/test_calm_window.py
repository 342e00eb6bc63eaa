"""In a small window, main buttons are always in sight, and nothing moves by itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from annotate_kit import record, squares
from gui_kit import SECONDS, small_model
from qtpy.QtCore import QPoint, QRect
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress
from napari_unet.gui.annotate.panel import AnnotatePanel
from napari_unet.gui.batch.panel import BatchPanel
from napari_unet.gui.finetune.panel import FinetunePanel
from napari_unet.gui.measure.panel import MeasurePanel
from napari_unet.gui.models.panel import ModelsPanel
from napari_unet.gui.project.keeper import ProjectKeeper
from napari_unet.gui.segment.panel import SegmentPanel
from napari_unet.gui.studio.panel import StudioPanel
from napari_unet.gui.widgets.fields import MAIN

DOCK = 360, 742
"""Size of the dock in a window of 1280 × 800 pixels, without its title."""
HEADER_PX = 90


@pytest.fixture
def studio(viewer, session, keeper, qtbot):
    """All panels in a dock as high as in a small window; the viewer has none."""
    pages = {
        "Load U-Net": lambda: ModelsPanel(viewer, session),
        "Segment": lambda: SegmentPanel(viewer, session, keeper),
        "Annotate": lambda: AnnotatePanel(viewer, session, keeper),
        "Fine-tune": lambda: FinetunePanel(viewer, session, keeper),
        "Measure": lambda: MeasurePanel(viewer, session, keeper),
        "Batch": lambda: BatchPanel(viewer, session),
    }
    project = ProjectKeeper(viewer, session, keeper)
    made = StudioPanel(viewer, session, keeper, project, pages)
    qtbot.addWidget(made)
    made.resize(*DOCK)
    made.show()
    yield made
    made.let_go()


def settle():
    for _ in range(5):
        QApplication.processEvents()


def place(widget, inside):
    return QRect(widget.mapTo(inside, QPoint(0, 0)), widget.size())


def in_sight(widget, inside):
    """Whether all of a widget is seen in a dock."""
    return widget.isVisible() and widget.visibleRegion().boundingRect() == widget.rect()


def main_buttons(page):
    made = [b for b in page.findChildren(QAbstractButton) if b.styleSheet() == MAIN]
    return [b for b in made if b.isVisibleTo(page)]


def places(studio):
    """Where everything lies that a mouse could be about to press."""
    kinds = QAbstractButton, QComboBox
    found = [w for kind in kinds for w in studio.findChildren(kind) if w.isVisibleTo(studio)]
    return {w: place(w, studio) for w in found if w.isEnabled() and not w.visibleRegion().isEmpty()}


def check_main_buttons(studio, pages, qtbot):
    for title in pages:
        page = studio.show_page(title)
        settle()
        (main,) = main_buttons(page)
        qtbot.waitUntil(lambda main=main: in_sight(main, studio), timeout=SECONDS)


def job(error=None):
    yield Progress(
        1, 4, note="tile 1 of 4 with a long note that does not fit into a line of the dock"
    )
    if error is not None:
        raise error


PAGES = "Load U-Net", "Segment", "Annotate", "Fine-tune", "Measure", "Batch"
ERROR = UserError(
    "This is wrong " * 6,
    value="a value that is long " * 3,
    rule="A rule. " * 9,
    remedy="Change it.",
)


def states(studio, viewer, session, qtbot):
    """Bring the dock from one state to the next; yield what each is."""
    yield "empty"
    viewer.add_image(np.zeros((7, 40, 60), np.uint8), name="cells of a long name " * 3)
    yield "image"
    session.use(small_model())
    yield "network"
    session.jobs.start("Segmenting cells of a long name", job())
    yield "running"
    qtbot.waitUntil(lambda: not session.jobs.at_work, timeout=SECONDS)
    viewer.add_labels(np.stack([squares()] * 7), name="found", metadata=record(objects=True))
    session.jobs.reported.emit("Done in 2.7 s: “cells labels”. " * 5)
    yield "result"
    session.jobs.start("Failing", job(ERROR))
    qtbot.waitUntil(lambda: not session.jobs.at_work, timeout=SECONDS)
    yield "error"
    annotate = studio.show_page("Annotate")
    annotate.source.correct_button.click()
    yield "correcting"
    annotate.checks.plane_button.click()
    yield "checked"
    annotate.source.new_kind.value = "scribbles"
    annotate.source.new_button.click()
    yield "scribbles"


def test_main_buttons_are_in_sight_in_every_state(studio, viewer, session, qtbot):
    for state in states(studio, viewer, session, qtbot):
        check_main_buttons(studio, PAGES, qtbot)
        header = place(studio.tabs, studio).y()
        assert header <= HEADER_PX, state


@pytest.mark.parametrize("title", PAGES)
def test_nothing_moves_by_itself(title, studio, viewer, session, qtbot):
    viewer.add_image(np.zeros((7, 40, 60), np.uint8), name="cells")
    session.use(small_model())
    page = studio.show_page(title)
    # the line at the top follows a moment later
    qtbot.waitUntil(lambda: not studio._look_later.isActive(), timeout=SECONDS)
    if title == "Fine-tune":
        # what is annotated is looked at a moment later, too
        summary = page.form.summary
        qtbot.waitUntil(
            lambda: not (summary._form_settled.isActive() or summary._planner.running),
            timeout=SECONDS,
        )
    settle()
    before, scrolled = places(studio), page.scroll.verticalScrollBar().value()
    seen = [before]
    session.jobs.started.connect(lambda _: (settle(), seen.append(places(studio))))
    session.jobs.progressed.connect(lambda _: (settle(), seen.append(places(studio))))
    for error in (None, ERROR, RuntimeError("what nobody has foreseen " * 9)):
        session.jobs.start("Segmenting", job(error))
        qtbot.waitUntil(lambda: not session.jobs.at_work, timeout=SECONDS)
        settle()
        seen.append(places(studio))
    studio.project.reported.emit("done", "Saved as a project of a long name. " * 5)
    settle()
    seen.append(places(studio))
    for after in seen:
        moved = {
            w.text() for w in before if w in after and after[w] != before[w] and hasattr(w, "text")
        }
        assert moved == set()
    assert page.scroll.verticalScrollBar().value() == scrolled


def test_the_list_of_objects_takes_the_room_of_a_larger_window(studio, viewer):
    viewer.add_image(np.zeros((40, 60), np.uint8), name="cells")
    viewer.add_labels(squares(), name="found", metadata=record(objects=True))
    annotate = studio.show_page("Annotate")
    annotate.source.correct_button.click()
    annotate.review_fold.expand(animate=False)
    settle()
    low = annotate.review.table.height()
    studio.resize(DOCK[0], DOCK[1] + 280)
    settle()
    assert annotate.review.table.height() >= low + 250
    annotate.review_fold.collapse(animate=False)
    settle()
    assert place(annotate.review_fold, annotate).height() < 60


def test_a_click_meant_for_stop_hits_nothing_else_when_a_training_ends(studio, viewer, session):
    page = studio.show_page("Fine-tune")
    settle()
    run = SimpleNamespace(running=True, can_stop=True, result=None, restarted=False)
    page._run = session.training = run
    page.outcome.follow(None)
    page._show_state()
    settle()
    stop = page.stop_button
    where = place(stop, page).center()
    assert in_sight(stop, studio)
    assert page.childAt(where) is stop
    run.running, run.result = False, object()
    page.outcome.show = lambda: None
    page._show_state()
    settle()
    assert page.childAt(where) is stop
    assert not stop.isEnabled()
    assert in_sight(page.outcome.comparison.keep_button, studio)
    page._run = session.training = None
