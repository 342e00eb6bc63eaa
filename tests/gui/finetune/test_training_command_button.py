"""*Copy as command* after a training in a real viewer, and what the line makes in a terminal."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import pytest
import tifffile
import torch
from finetune_kit import begin, discs, quick, scribbles, train
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS, finish_job, said
from qtpy.QtWidgets import QApplication
from scripted_training import script as script
from typer.testing import CliRunner
from windowless import dock as dock
from windowless import library as library
from windowless import readers as readers
from windowless import viewer as viewer

from napari_unet.cli import app
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.file import load_model


def keep(panel, qtbot):
    """Keep the new network, and wait until what it finds is shown."""
    panel.outcome.comparison.keep_button.click()
    finish_job(panel, qtbot)
    qtbot.waitUntil(panel.outcome.command_button.isVisible, timeout=SECONDS)


def copied(panel, qtbot):
    """Press the button, and return the words of the line once it is there."""
    QApplication.clipboard().clear()
    panel.outcome.command_button.click()
    qtbot.waitUntil(lambda: bool(QApplication.clipboard().text()), timeout=SECONDS)
    assert "Copied: napari-unet finetune" in said(panel)
    program, *words = shlex.split(QApplication.clipboard().text())
    assert program == "napari-unet"
    return words


def refused(panel, qtbot):
    """Press the button, and return why there is no line."""
    panel.outcome.command_button.click()
    qtbot.waitUntil(lambda: "No command" in said(panel), timeout=SECONDS)
    return said(panel)


@pytest.fixture
def made(monkeypatch, library):
    """Run a line, and return the network that it makes."""

    def run(words):
        monkeypatch.setattr("napari_unet.services.library.Library", lambda: library)
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        return load_model(words[words.index("-o") + 1])

    return run


def assert_same(model, other):
    first, second = model.network.state_dict(), other.network.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.real_training
def test_the_line_of_a_training_limited_by_time_makes_the_same_network(
    panel, viewer, readers, qtbot, tmp_path, made
):
    image, inside = discs()
    tifffile.imwrite(tmp_path / "some cells.tif", image)
    viewer.open(tmp_path / "some cells.tif", plugin="napari")
    panel.form.pairs.first.new_button.click()
    panel.form.pairs.first.labels.layer.data = scribbles(inside)
    quick(panel, steps=5000)
    panel.form.settings.minutes.value = 0.03
    panel.form.settings.patience.value = 1000
    assert not panel.outcome.command_button.isVisible()
    result = train(panel, qtbot)
    assert result.trained.ended == "The time is up"
    keep(panel, qtbot)
    words = copied(panel, qtbot)
    assert words[words.index("--images") + 1] == str(tmp_path / "some cells.tif")
    assert words[words.index("--pace-of") + 1] == "small-tuned"
    again = made(words)
    assert again.spec.name == "small-tuned"
    assert_same(again, panel.session.model)
    # once more, it is there already
    panel.outcome.command_button.click()
    assert shlex.split(QApplication.clipboard().text())[1:] == words
    assert len(list((tmp_path / "commands").iterdir())) == 1


@dataclass(frozen=True)
class Small(NewModel):
    """A new network that learns in no time."""

    base: int = 4
    depth: int = 2


@pytest.mark.real_training
def test_the_line_of_a_new_network_on_an_image_without_a_file(
    painted_panel, tmp_path, qtbot, made, monkeypatch
):
    monkeypatch.setattr("napari_unet.core.model.adapt.NewModel", Small)
    panel = painted_panel
    panel.form.start.network.value = 2
    assert panel.form.request().start == 2
    quick(panel, steps=6)
    panel.form.settings.seed.value = 3
    train(panel, qtbot)
    keep(panel, qtbot)
    words = copied(panel, qtbot)
    assert "--model" not in words
    assert "--pace-of" not in words
    assert str(tmp_path / "commands") in words[words.index("--images") + 1]
    assert_same(made([*words, "--base", "4", "--depth", "2"]), panel.session.model)


@pytest.mark.parametrize("what", ["stroke", "region"])
def test_paint_that_came_while_it_learnt_can_t_be_told(painted_panel, viewer, qtbot, what):
    panel = painted_panel
    pair = panel.form.pairs.first
    shapes = viewer.add_shapes([[0, 0], [0, 95], [50, 95], [50, 0]], name="region")
    pair.region.choose(shapes)
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    run = panel.session.training
    with qtbot.waitSignal(run.annotation_taken, timeout=SECONDS):
        if what == "stroke":
            pair.labels.layer.paint((5, 5), 1)
        else:
            shapes.add_rectangles([[50, 0], [50, 95], [95, 95], [95, 0]])

    def learnt():
        found = run._so_far
        return found is not None and bool(found.trained.status.altered)

    qtbot.waitUntil(learnt, timeout=SECONDS)
    panel.stop_button.click()
    finish_job(panel, qtbot)
    keep(panel, qtbot)
    assert "annotations were added during the training" in refused(panel, qtbot)


def test_it_is_offered_for_as_long_as_what_was_learnt_is_there(painted_panel, viewer, qtbot):
    panel = painted_panel
    train(panel, qtbot)
    keep(panel, qtbot)
    begin(panel, qtbot, steps=1)
    assert not panel.outcome.command_button.isVisible()
    finish_job(panel, qtbot)
    keep(panel, qtbot)
    viewer.layers.remove(panel.form.pairs.first.labels.layer)
    assert not panel.outcome.command_button.isVisible()
