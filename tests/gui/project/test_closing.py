"""Paint that is not saved is asked for when a real window is closed."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import new
from gui_kit import SECONDS, finish_job, random_image
from gui_kit import dock as dock
from gui_kit import library as library
from gui_kit import viewer as viewer
from project_kit import SHAPE, painted, said, wait
from project_kit import place as place
from project_kit import studio as studio
from qtpy.QtCore import QEvent, QObject

from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.plugin import StudioDock
from napari_unet.gui.project import closing
from napari_unet.services.storage.project import read_project


class Held(QObject):
    """Stands behind the question, so that a window that may close stays for the test's own end."""

    def __init__(self, window):
        super().__init__()
        self.window = window
        self.closed = False
        window.installEventFilter(self)

    def eventFilter(self, watched, event):  # noqa: N802 - Qt's name
        if event.type() != QEvent.Type.Close:
            return False
        self.closed = True
        event.ignore()
        return True

    def close(self):
        """Close the window as its user does; returns whether it has been closed."""
        self.closed = False
        self.window.close()
        return self.closed


@pytest.fixture
def window(viewer):
    """The window; made before the dock, so that it is asked last whether it may close."""
    held = Held(real(viewer).window._qt_window)
    yield held
    held.window.removeEventFilter(held)
    held.window = None


@pytest.fixture
def again(make_napari_viewer_proxy):
    """Makes another viewer with the dock."""

    def make():
        other = make_napari_viewer_proxy()
        studio = StudioDock(other)
        other.window.add_dock_widget(studio, name="U-Net Studio")
        return other, studio

    return make


def answering(monkeypatch, answer):
    asked = []
    monkeypatch.setattr(closing, "ask", lambda _, names, lost: asked.append(names + lost) or answer)
    return asked


def test_closing_with_paint_that_is_not_saved_asks(
    window, studio, viewer, place, library, qtbot, monkeypatch
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    layer = new(studio.show_page("Annotate"))
    asked = answering(monkeypatch, "cancel")
    assert window.close(), "nothing is painted"
    layer.paint((1, 20, 30), 2)
    assert not window.close()
    assert asked == [["cells scribbles"]]
    asked = answering(monkeypatch, "save")
    assert not window.close(), "it is being saved"
    qtbot.waitUntil(lambda: window.closed, timeout=SECONDS)
    assert asked == [["cells scribbles"]]
    assert [note.name for note in read_project(place).layers] == ["cells", "cells scribbles"]
    studio.session.jobs.abandon()
    journal = library.folder.parent / "journal"
    assert list(journal.iterdir()) == [], "what is saved is not offered again"


def test_closing_waits_where_it_can_not_be_saved(window, studio, viewer, place, qtbot, monkeypatch):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    answering(monkeypatch, "save")
    place.mkdir()
    (place / "something").touch()
    assert not window.close()
    wait(studio, qtbot)
    assert "is a folder, but not a project" in said(studio)
    assert not window.closed
    monkeypatch.setattr(closing, "where_to_save", lambda _: None)
    assert not window.close()
    assert not studio.project.jobs.running


def test_not_saving_leaves_the_paint_to_be_restored(
    window, studio, viewer, place, library, qtbot, monkeypatch, again
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    layer = painted(studio, viewer)
    answering(monkeypatch, "discard")
    assert window.close()
    studio.session.jobs.abandon()
    other, second = again()
    other.add_image(random_image(*SHAPE), name="cells")
    offer = second.show_page("Annotate").restore_offer
    offer.restore_button.click()
    qtbot.waitUntil(lambda: "cells scribbles" in other.layers, timeout=SECONDS)
    assert np.array_equal(other.layers["cells scribbles"].data, layer.data)
    assert not place.exists()


def test_closing_asks_nothing_without_paint(window, studio, viewer, qtbot, monkeypatch, again):
    viewer.add_image(random_image(*SHAPE), name="cells")
    studio.show_page("Segment").segment_button.click()
    finish_job(studio, qtbot)
    result = viewer.layers["cells labels"]
    assert result.metadata[RECORD]["complete"]
    asked = answering(monkeypatch, "cancel")
    assert window.close()
    assert asked == []
    result.paint((1, 5, 5), 3)
    assert not window.close()
    assert asked == [["cells labels"]]
    answering(monkeypatch, "discard")
    assert window.close()
    studio.session.jobs.abandon()
    other, second = again()
    other.add_image(random_image(*SHAPE), name="cells")
    second.show_page("Annotate").restore_offer.restore_button.click()
    qtbot.waitUntil(lambda: "cells labels" in other.layers, timeout=SECONDS)
    assert np.array_equal(other.layers["cells labels"].data, result.data), "no panel had kept it"


def test_a_script_that_closes_the_viewer_is_not_asked(studio, viewer, qtbot, monkeypatch):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    asked = answering(monkeypatch, "cancel")
    viewer.close()
    assert asked == []


def test_the_question_names_the_layers(qtbot):
    assert closing.in_words(["a"]) == "“a”"
    assert closing.in_words(["a", "b", "c"]) == "“a”, “b” and “c”"
    assert closing.in_words(list("abcdef")) == "“a”, “b”, “c”, “d” and 2 more"


def test_closing_says_which_paint_has_no_image_to_be_restored_on(
    window, studio, viewer, monkeypatch, qtbot
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    viewer.layers.remove("cells")
    asked = answering(monkeypatch, "cancel")
    window.close()
    assert asked == [["cells scribbles", "cells scribbles"]]
