"""Projects are saved, and opened again in other viewers."""

from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pytest
import tifffile
from gui_kit import finish_job, random_image, small_model, wait_for_jobs
from project_kit import SHAPE, load, painted, said, save, wait
from project_kit import again as again
from project_kit import cells as cells
from project_kit import place as place
from project_kit import studio as studio
from qtpy.QtWidgets import QMessageBox
from windowless import dock as dock
from windowless import library as library
from windowless import readers as readers
from windowless import viewer as viewer

from napari_unet.core.model.file import save_model
from napari_unet.gui.layers.annotation_layers import class_names
from napari_unet.gui.layers.checked_areas import check_plane, is_checked_of
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.purpose import DISPLAY_ONLY, belongs, kind_of
from napari_unet.gui.layers.result_layer import RECORD, untouched
from napari_unet.gui.project import closing
from napari_unet.gui.project import row as project_row
from napari_unet.services.storage.project import read_project


def test_all_comes_back_in_another_viewer(studio, viewer, place, cells, again, qtbot):
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

    other, second = again()
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


def test_what_is_missing_is_named_and_all_else_opens(studio, viewer, place, cells, again, qtbot):
    viewer.open(str(cells), plugin="napari")
    layer = painted(studio, viewer)
    save(studio, qtbot)
    away = cells.rename(cells.with_name("away.tif"))
    other, second = again()
    load(second, qtbot)
    assert "“cells” is missing" in said(second)
    assert "Put cells.tif back" in said(second)
    assert [x.name for x in other.layers] == ["cells scribbles"]
    assert np.array_equal(other.layers["cells scribbles"].data, layer.data)
    # saving now does not forget it
    save(second, qtbot)
    away.rename(cells)
    third, another = again()
    load(another, qtbot)
    assert [x.name for x in third.layers] == ["cells", "cells scribbles"]
    assert belongs(third.layers["cells scribbles"], third.layers["cells"])


def test_another_image_in_the_place_of_one_is_told(studio, viewer, place, cells, again, qtbot):
    viewer.open(str(cells), plugin="napari")
    painted(studio, viewer)
    save(studio, qtbot)
    tifffile.imwrite(cells, random_image(60, 70))
    other, second = again()
    load(second, qtbot)
    assert "now holds another image" in said(second)
    assert "3 × 60 × 70 pixels" in said(second)
    assert [x.name for x in other.layers] == ["cells scribbles"]


def test_a_project_moved_with_its_images_opens(
    studio, viewer, place, cells, again, qtbot, monkeypatch, tmp_path
):
    viewer.open(str(cells), plugin="napari")
    painted(studio, viewer)
    studio.session.source = str(tmp_path / "work" / "own.safetensors")
    save_model(small_model("own"), tmp_path / "work" / "own.safetensors")
    save(studio, qtbot)
    shutil.move(place.parent, tmp_path / "moved")
    there = tmp_path / "moved" / place.name
    monkeypatch.setattr(project_row, "where_it_is", lambda _: there)
    other, second = again()
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
    studio, viewer, place, again, qtbot, monkeypatch, answer, names
):
    viewer.add_image(random_image(*SHAPE), name="cells")
    painted(studio, viewer)
    save(studio, qtbot)
    other, second = again()
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
    if answer == "replace":
        assert not offer.isVisibleTo(second), "it is offered with its own image only"
        other.add_image(random_image(*SHAPE), name="mine")
    assert offer.isVisibleTo(second) == (answer == "replace"), "nothing painted is lost"


def test_layers_that_only_show_something_are_not_saved(studio, viewer, place, qtbot):
    viewer.add_image(random_image(*SHAPE), name="cells")
    for title in DISPLAY_ONLY:
        metadata = {RECORD: {"purpose": {"title": title}}}
        viewer.add_labels(np.ones(SHAPE, int), name=title, metadata=metadata)
    save(studio, qtbot)
    assert [note.name for note in read_project(place).layers] == ["cells"]
