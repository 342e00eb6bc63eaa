"""What of *Annotate* is in sight: at most ten controls in each state, one of them the main button."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import new, record, squares
from annotate_kit import panel as panel
from legible_kit import in_sight
from qtpy.QtWidgets import QAbstractButton
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.widgets.fields import MAIN

MOST = 10


def nothing(panel, viewer):
    """No image is open."""


def image(panel, viewer):
    viewer.add_image(np.zeros((40, 60)), name="cells")


def result(panel, viewer):
    image(panel, viewer)
    viewer.add_labels(squares(), name="found", metadata=record(objects=True))


def objects(panel, viewer):
    result(panel, viewer)
    panel.source.correct_button.click()


def volume(panel, viewer):
    viewer.add_image(np.zeros((4, 40, 60)), name="cells")
    new(panel, "objects")


def classes(panel, viewer):
    image(panel, viewer)
    new(panel, "classes")


def scribbles(panel, viewer):
    image(panel, viewer)
    new(panel, "scribbles")


def reviewing(panel, viewer):
    objects(panel, viewer)
    panel.review_fold.expand(animate=False)


def parts(panel, viewer):
    objects(panel, viewer)
    panel.review_fold.expand(animate=False)
    panel.pages.parts.expand(animate=False)
    assert not panel.review_fold.isExpanded()


def another(panel, viewer):
    objects(panel, viewer)
    panel.start_fold.expand(animate=False)


STATES = {
    nothing: "Correct this result",
    image: "Correct this result",
    result: "Correct this result",
    objects: "Fine-tune…",
    volume: "Fine-tune…",
    classes: "Fine-tune…",
    scribbles: "Fine-tune…",
    reviewing: "Accept, next (A)",
    parts: "Suggest next (J)",
    another: "Correct this result",
}


@pytest.mark.parametrize(
    ("state", "main"), STATES.items(), ids=lambda v: getattr(v, "__name__", "")
)
def test_at_most_ten_controls_are_in_sight_and_one_is_the_main_button(state, main, panel, viewer):
    state(panel, viewer)
    panel.foot.cancel.parentWidget().setVisible(True)
    found = in_sight(panel)
    assert panel.foot.cancel in found
    assert len(found) <= MOST, [(type(w).__name__, getattr(w, "text", str)()) for w in found]
    buttons = [w for w in found if isinstance(w, QAbstractButton) and w.styleSheet() == MAIN]
    assert [w.text() for w in buttons] == [main]


def test_more_tools_open_below_the_others(panel, viewer):
    volume(panel, viewer)
    assert not panel.objects.between_button.isVisibleTo(panel)
    panel.review_fold.expand(animate=False)
    panel.objects.more_button.click()
    assert panel.objects.between_button.isVisibleTo(panel)
    assert len(in_sight(panel)) <= MOST
    assert panel.finetune_button.isVisibleTo(panel)
    panel.objects.more_button.click()
    assert panel.review.accept_button.isVisibleTo(panel)


def test_the_help_of_each_tool_has_its_room(panel, viewer):
    objects(panel, viewer)
    tools = panel.objects
    height = tools.sizeHint().height()
    for tool in tools.tools.values():
        tool.click()
        assert tools.sizeHint().height() == height
