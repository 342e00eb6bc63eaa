"""The questions that the project's buttons ask, answered by the dialogs' own buttons."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from napari_unet.gui.project.row import ask_about_layers, where_it_is


@pytest.fixture
def window(qtbot):
    """A window to ask in."""
    made = QWidget()
    qtbot.addWidget(made)
    return made


def answer(words, seen):
    """Press the button of the dialog that opens next, and note what it says."""

    def press():
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append(box.informativeText())
        next(b for b in box.buttons() if words in b.text().replace("&", "")).click()

    QTimer.singleShot(0, press)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("Close them", "replace"), ("Keep them open", "add"), ("Cancel", "cancel")],
)
def test_open_layers_are_asked_about(window, words, expected):
    seen = []
    answer(words, seen)
    assert ask_about_layers(window, ["cells scribbles"]) == expected
    assert "cells scribbles" in seen[0]
    assert "not saved" in seen[0]
    answer(words, seen)
    assert ask_about_layers(window, []) == expected
    assert seen[1] == ""


@pytest.mark.parametrize("name", ["/home/me/my cells.unetproject", ""])
def test_a_project_is_chosen_or_not(window, monkeypatch, name):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: name)
    assert where_it_is(window) == (Path(name) if name else None)
