"""A plate in *Batch*: names, one table, and a plot by condition."""

from __future__ import annotations

import csv

import gui_kit
import numpy as np
import pytest
import tifffile
from gui_kit import SECONDS, finish_job, random_image, said
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QFileDialog
from windowless import batch_panel as batch_panel
from windowless import dock as dock
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.widgets.theme import theme_of

NAMES = [
    f"{kind}_{well}_{field}" for kind, well in (("drug", "B2"), ("none", "C10")) for field in (1, 2)
]


@pytest.fixture
def panel(batch_panel, tmp_path, qtbot):
    """The panel, with a plate of four images that are done."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for name in NAMES:
        tifffile.imwrite(folder / f"{name}.tif", random_image(24, 24))
    batch_panel.input.value, batch_panel.output.value = folder, tmp_path / "results"
    batch_panel.session.model = gui_kit.small_model()
    batch_panel.run_button.click()
    finish_job(batch_panel, qtbot)
    batch_panel.plate_fold.expand(animate=False)
    return batch_panel


def wait(panel, qtbot, words):
    qtbot.waitUntil(lambda: words in panel.plate.matches_label.text(), timeout=SECONDS)


def test_from_names_to_a_table_and_a_plot(panel, qtbot, tmp_path, monkeypatch):
    plate = panel.plate
    wait(panel, qtbot, "4 of 4 names fit")
    assert plate.pattern.native.placeholderText() == "{plate}_{well}_{field}*", "a guess"
    plate.pattern.value = "{condition}_{well}_{field}"
    wait(panel, qtbot, "2 conditions, 2 wells, 2 fields")
    plate.measure_button.click()
    finish_job(panel, qtbot)
    assert "in 4 images" in said(panel)
    assert plate.plot.isVisibleTo(panel)
    assert plate.plot.by.value == "condition"
    chosen = [""]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen[0], ""))
    plate.save_button.click()
    assert not list(tmp_path.glob("*.csv"))
    chosen[0] = str(tmp_path / "all")
    plate.save_button.click()
    assert "all.csv" in said(panel)
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["condition"], row["well"]) for row in rows} == {("drug", "B02"), ("none", "C10")}
    plate.plot.measure.value = "area_px"
    drawn = {name: float(values[0]) for name, values in plate.plot.means().items()}
    areas = {
        name: np.mean([float(row["area_px"]) for row in rows if row["condition"] == name])
        for name in ("drug", "none")
    }
    assert drawn == pytest.approx(areas)
    # in the other theme, too, the axes can be read
    plate.plot._axes[0].setTextPen("red")
    QApplication.sendEvent(plate.plot, QEvent(QEvent.Type.PaletteChange))
    assert plate.plot._axes[0].textPen().color().name() == theme_of(plate.plot).dim


def test_names_that_do_not_fit_are_told_before_anything_is_measured(panel, qtbot):
    plate = panel.plate
    plate.pattern.value = "{plate}-{well}"
    wait(panel, qtbot, "0 of 4 names fit")
    assert not plate.measure_button.isEnabled()
    plate.pattern.value = "{well"
    wait(panel, qtbot, "The pattern of names can't be used")
    assert not plate.save_button.isEnabled()
