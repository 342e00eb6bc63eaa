"""Projects in a real viewer: saved, opened again, and asked for when the window is closed."""

from __future__ import annotations

import errno
import html
import os
import shutil

import numpy as np
import pytest
import tifffile
from annotate_kit import new
from gui_kit import SECONDS, finish_job, random_image, small_model, wait_for_jobs
from gui_kit import library as library
from gui_kit import viewer as viewer
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox

from napari_unet.core.model.file import save_model
from napari_unet.gui.layers.annotation_layers import class_names
from napari_unet.gui.layers.checked_areas import check_plane, is_checked_of
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.purpose import DISPLAY_ONLY, belongs, kind_of
from napari_unet.gui.layers.result_layer import RECORD, untouched
from napari_unet.gui.plugin import StudioDock
from napari_unet.gui.project import closing
from napari_unet.gui.project import row as project_row
from napari_unet.services.storage.project import read_project

SHAPE = (3, 60, 70)


def dock(viewer):
    studio = StudioDock(viewer)
    viewer.window.add_dock_widget(studio, name="U-Net Studio")
    return studio


@pytest.fixture
def studio(viewer):
    made = dock(viewer)
    made.session.model, made.session.source = small_model(), "small"
    made.session.model_changed.emit(made.session.model)
    return made


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the dialogs say the project is."""
    folder = tmp_path / "work" / "my cells.unetproject"
    folder.parent.mkdir()
    monkeypatch.setattr(closing, "where_to_save", lambda _: folder.with_suffix(""))
    monkeypatch.setattr(project_row, "where_to_save", lambda _: folder.with_name("other"))
    monkeypatch.setattr(project_row, "where_it_is", lambda _: folder)
    return folder


@pytest.fixture
def cells(place):
    """An image file beside the project."""
    path = place.parent / "images" / "cells.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, random_image(*SHAPE), photometric="minisblack")
    return path


def wait(studio, qtbot):
    wait_for_jobs(studio.project.jobs, qtbot)
    finish_job(studio, qtbot)


def save(studio, qtbot):
    studio.project_row.save_button.click()
    wait(studio, qtbot)


def load(studio, qtbot):
    studio.project_row.open_button.click()
    wait(studio, qtbot)


def said(studio):
    return html.unescape(studio.message.text.text())


def painted(studio, viewer, kind="scribbles"):
    """A new annotation with a stroke."""
    layer = new(studio.show_page("Annotate"), kind)
    layer.paint((1,) * (layer.ndim - 2) + (20, 30), 2)
    return layer


def again(make_viewer):
    """Another viewer with the dock."""
    other = make_viewer()
    return other, dock(other)


def test_all_comes_back_in_another_viewer(
    studio, viewer, place, cells, make_napari_viewer_proxy, qtbot
):
    image = viewer.open(str(cells), plugin="napari")[0]
    image.scale, image.gamma, image.colormap = (2, 0.5, 0.5), 0.7, "magma"
    image.contrast_limits = (3, 99)
    segment = studio.show_page("Segment")
    segment.image.axes.value = "TYX"
    segment.settings.separation.value = 0.7
    segment.settings.tile.value = 128
    segment.segment_button.click()
    finish_job(studio, qtbot)
    paint = painted(studio, viewer)
    paint.features = {"index": [0, 1, 2], "class": ["unlabelled", "background", "nucleus"]}
    whole = painted(studio, viewer, "objects")
    whole.visible = False
    annotate = studio.show_page("Annotate")
    check_plane(viewer, *annotate.source.under(whole))
    tuning = studio.show_page("Fine-tune")
    tuning.form.settings.preset.value = "Quick"
    tuning.form.settings.patch.value = 64
    viewer.add_image(random_image(60, 70, 3), name="no file", rgb=True)
    viewer.layers.move(0, 3)
    segment.image.layers.choose(image)
    save(studio, qtbot)
    assert said(studio) == (
        "Saved as my cells.unetproject. Stored in it, as they have no file: “no file”."
    )
    assert studio.project_row.name_label.text() == "my cells"
    assert studio.project.unsaved() == []

    other, second = again(make_napari_viewer_proxy)
    load(second, qtbot)
    assert said(second) == "Opened “my cells”."
    names = [layer.name for layer in viewer.layers]
    assert [layer.name for layer in other.layers] == names
    for name in names:
        was, now = viewer.layers[name], other.layers[name]
        assert type(real(now)) is type(real(was))
        assert (now.visible, now.opacity, now.blending) == (was.visible, was.opacity, was.blending)
        assert np.allclose(now.scale, was.scale)
        assert now.units == was.units
        if name != "cells checked":
            assert now.data.dtype == was.data.dtype
            assert np.array_equal(now.data, was.data)
    found = other.layers["cells"]
    assert found.source.path == str(cells)
    assert (found.gamma, found.colormap.name, found.contrast_limits) == (0.7, "magma", [3, 99])
    mine, objects = other.layers[paint.name], other.layers[whole.name]
    assert (kind_of(mine), kind_of(objects)) == ("scribbles", "objects")
    assert class_names(mine) == ("nucleus",)
    assert np.allclose(mine.colormap.colors, paint.colormap.colors, atol=1e-3)
    assert belongs(mine, found)
    assert belongs(other.layers["cells labels"], found)
    assert untouched(other.layers["cells labels"])
    assert is_checked_of(other.layers["cells checked"], found)
    assert np.allclose(other.layers["cells checked"].data, viewer.layers["cells checked"].data)
    assert second.session.source == "small"
    page = second.show_page("Segment")
    page.image.layers.choose(found)
    assert page.image.letters == "TYX"
    assert page.chosen() == segment.chosen()
    learnt = second.show_page("Fine-tune").form.settings
    assert learnt.preset.value == "Quick"
    assert learnt.value() == tuning.form.settings.value()
    assert second.project.unsaved() == []
    # the next run takes the result for its own
    page.segment_button.click()
    finish_job(second, qtbot)
    assert [layer.name for layer in other.layers] == names


def test_paint_is_saved_while_a_job_is_at_work(studio, viewer, place, qtbot):
    viewer.add_image(random_image(3, 512, 512), name="cells")
    layer = painted(studio, viewer)
    studio.show_page("Segment").segment_button.click()
    assert studio.session.jobs.running
    studio.project_row.save_button.click()
    wait_for_jobs(studio.project.jobs, qtbot)
    assert studio.project.unsaved() == []
    layer.paint((1, 5, 5), 1)
    assert [real(x) for x in studio.project.unsaved()] == [real(layer)]
    layer.undo()
    assert studio.project.unsaved() == []
    studio.session.jobs.cancel()
    finish_job(studio, qtbot)


def test_a_removed_layer_is_not_saved_again_and_save_does_not_ask_twice(
    studio, viewer, place, qtbot, monkeypatch
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    gone = painted(studio, viewer, "objects")
    save(studio, qtbot)
    assert len(list(place.glob("*.tif"))) == 3
    viewer.layers.remove(gone.name)
    monkeypatch.setattr(closing, "where_to_save", lambda _: pytest.fail("it has a place"))
    save(studio, qtbot)
    assert [note.name for note in read_project(place).layers] == ["cells", "cells scribbles"]
    assert len(list(place.glob("*.tif"))) == 2
    studio.project_row.save_as_button.click()
    wait(studio, qtbot)
    assert studio.project_row.name_label.text() == "other"
    assert [note.name for note in read_project(place.with_name("other.unetproject")).layers] == [
        "cells",
        "cells scribbles",
    ]


def test_another_project_is_not_replaced_unasked(studio, viewer, tmp_path, qtbot, monkeypatch):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    typed = tmp_path / "project"
    # the dialog sees no such file, and so does not ask
    named = lambda *_: (str(typed), "")  # noqa: E731
    monkeypatch.setattr(closing.QFileDialog, "getSaveFileName", named)
    save(studio, qtbot)
    stored = sorted(path.name for path in tmp_path.glob("project.unetproject/*"))
    assert stored
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(closing.QMessageBox, "question", lambda *_: answers.pop(0))
    viewer.layers.remove("cells scribbles")
    studio.project_row.save_as_button.click()
    wait(studio, qtbot)
    assert sorted(path.name for path in tmp_path.glob("project.unetproject/*")) == stored
    studio.project_row.save_as_button.click()
    wait(studio, qtbot)
    assert len(list(tmp_path.glob("project.unetproject/*"))) < len(stored)
    monkeypatch.setattr(
        closing.QFileDialog, "getSaveFileName", lambda *_: (f"{typed}.unetproject/inner", "")
    )
    studio.project_row.save_as_button.click()
    wait(studio, qtbot)
    assert "outside other projects" in said(studio)


def test_a_full_disk_is_said_and_the_paint_is_still_not_saved(
    studio, viewer, place, qtbot, monkeypatch
):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    viewer.add_image(random_image(*SHAPE), name="cells")
    layer = painted(studio, viewer)
    save(studio, qtbot)
    before = read_project(place)
    layer.paint((1, 5, 5), 1)
    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.core.atomic.os.fsync", full)
        save(studio, qtbot)
    assert "There is no room" in said(studio)
    assert read_project(place) == before
    assert studio.project.unsaved()
    save(studio, qtbot)
    assert read_project(place) != before


def test_what_is_missing_is_named_and_all_else_opens(
    studio, viewer, place, cells, make_napari_viewer_proxy, qtbot
):
    viewer.open(str(cells), plugin="napari")
    layer = painted(studio, viewer)
    save(studio, qtbot)
    away = cells.rename(cells.with_name("away.tif"))
    other, second = again(make_napari_viewer_proxy)
    load(second, qtbot)
    assert "“cells” is missing" in said(second)
    assert "Put cells.tif back" in said(second)
    assert [x.name for x in other.layers] == ["cells scribbles"]
    assert np.array_equal(other.layers["cells scribbles"].data, layer.data)
    # saving now does not forget it
    save(second, qtbot)
    away.rename(cells)
    third, another = again(make_napari_viewer_proxy)
    load(another, qtbot)
    assert [x.name for x in third.layers] == ["cells", "cells scribbles"]
    assert belongs(third.layers["cells scribbles"], third.layers["cells"])


def test_another_image_in_the_place_of_one_is_told(
    studio, viewer, place, cells, make_napari_viewer_proxy, qtbot
):
    viewer.open(str(cells), plugin="napari")
    painted(studio, viewer)
    save(studio, qtbot)
    tifffile.imwrite(cells, random_image(60, 70))
    other, second = again(make_napari_viewer_proxy)
    load(second, qtbot)
    assert "now holds another image" in said(second)
    assert "3 × 60 × 70 pixels" in said(second)
    assert [x.name for x in other.layers] == ["cells scribbles"]


def test_a_project_moved_with_its_images_opens(
    studio, viewer, place, cells, make_napari_viewer_proxy, qtbot, monkeypatch, tmp_path
):
    viewer.open(str(cells), plugin="napari")
    painted(studio, viewer)
    studio.session.source = str(tmp_path / "work" / "own.safetensors")
    save_model(small_model("own"), tmp_path / "work" / "own.safetensors")
    save(studio, qtbot)
    shutil.move(place.parent, tmp_path / "moved")
    there = tmp_path / "moved" / place.name
    monkeypatch.setattr(project_row, "where_it_is", lambda _: there)
    other, second = again(make_napari_viewer_proxy)
    load(second, qtbot)
    assert [x.name for x in other.layers] == ["cells", "cells scribbles"]
    assert other.layers["cells"].source.path == str(tmp_path / "moved" / "images" / "cells.tif")
    assert second.session.model.spec.name == "own"


def test_a_damaged_project_is_said_and_nothing_is_closed(studio, viewer, place, qtbot, monkeypatch):
    viewer.add_image(random_image(*SHAPE), name="cells")
    monkeypatch.setattr(project_row, "ask_about_layers", lambda *_: "replace")
    place.mkdir()
    (place / "project.json").write_text("{")
    load(studio, qtbot)
    assert "can't be opened" in said(studio)
    assert "cells" in viewer.layers
    assert studio.project_row.name_label.text() == "not saved"


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("replace", ["cells", "cells scribbles"]),
        ("add", ["mine", "mine objects", "cells", "cells scribbles"]),
        ("cancel", ["mine", "mine objects"]),
    ],
)
def test_opening_asks_about_the_layers_that_are_there(
    studio, viewer, place, make_napari_viewer_proxy, qtbot, monkeypatch, answer, names
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    save(studio, qtbot)
    other, second = again(make_napari_viewer_proxy)
    other.add_image(random_image(*SHAPE), name="mine")
    painted(second, other, "objects")
    asked = []
    monkeypatch.setattr(
        project_row, "ask_about_layers", lambda _, unsaved: asked.append(unsaved) or answer
    )
    load(second, qtbot)
    assert asked == [["mine objects"]]
    assert [x.name for x in other.layers] == names
    offer = second.show_page("Annotate").restore_offer
    assert offer.isVisibleTo(second) == (answer == "replace"), "nothing painted is lost"


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
    window, studio, viewer, place, library, qtbot, monkeypatch, make_napari_viewer_proxy
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    layer = painted(studio, viewer)
    answering(monkeypatch, "discard")
    assert window.close()
    studio.session.jobs.abandon()
    other, second = again(make_napari_viewer_proxy)
    other.add_image(random_image(*SHAPE), name="cells")
    offer = second.show_page("Annotate").restore_offer
    offer.restore_button.click()
    qtbot.waitUntil(lambda: "cells scribbles" in other.layers, timeout=SECONDS)
    assert np.array_equal(other.layers["cells scribbles"].data, layer.data)
    assert not place.exists()


def test_closing_asks_nothing_without_paint(
    window, studio, viewer, qtbot, monkeypatch, make_napari_viewer_proxy
):
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
    other, second = again(make_napari_viewer_proxy)
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


def test_layers_that_only_show_something_are_not_saved(studio, viewer, place, qtbot):
    viewer.add_image(random_image(*SHAPE), name="cells")
    for title in DISPLAY_ONLY:
        metadata = {RECORD: {"purpose": {"title": title}}}
        viewer.add_labels(np.ones(SHAPE, int), name=title, metadata=metadata)
    save(studio, qtbot)
    assert [note.name for note in read_project(place).layers] == ["cells"]
