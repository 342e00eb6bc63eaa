"""What the tests of projects share: a dock, an image file, and where the dialogs say the project is."""

from __future__ import annotations

import html

import pytest
import tifffile
from annotate_kit import new
from gui_kit import finish_job, random_image, small_model, wait_for_jobs
from napari.components import ViewerModel
from windowless import Docks

from napari_unet.gui.plugin import StudioDock
from napari_unet.gui.project import closing
from napari_unet.gui.project import row as project_row

SHAPE = (3, 60, 70)


@pytest.fixture
def studio(viewer, dock, library):
    """The dock, with the small model loaded."""
    made = dock(StudioDock(viewer))
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
    """Wait until the project and all else is done."""
    wait_for_jobs(studio.project.jobs, qtbot)
    finish_job(studio, qtbot)


def save(studio, qtbot):
    """Press *Save*, and wait for it."""
    studio.project_row.save_button.click()
    wait(studio, qtbot)


def load(studio, qtbot):
    """Press *Open*, and wait for it."""
    studio.project_row.project_action.trigger()
    wait(studio, qtbot)


def said(studio):
    """What stands at the foot of the dock."""
    return html.unescape(studio.message.text.text())


def painted(studio, viewer, kind="scribbles"):
    """A new annotation with a stroke."""
    layer = new(studio.show_page("Annotate"), kind)
    layer.paint((1,) * (layer.ndim - 2) + (20, 30), 2)
    return layer


@pytest.fixture
def again(library, readers, qtbot):
    """Makes another viewer, without a window, and the dock for it."""
    docks = Docks(qtbot)

    def make():
        other = ViewerModel()
        return other, docks(StudioDock(other))

    yield make
    docks.close_all()
