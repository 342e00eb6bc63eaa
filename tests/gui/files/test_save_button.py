"""*Save labels…*: a file with axes and scale, or a word why there is none."""

from __future__ import annotations

import html

import numpy as np
import pytest
import tifffile
from gui_kit import finish_job
from qtpy.QtWidgets import QFileDialog
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.files.save_button import SaveLabelsButton


@pytest.fixture
def press(segment_panel, monkeypatch):
    """Press the button, with a name for the dialog."""

    def press(name):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(name), ""))
        segment_panel.findChild(SaveLabelsButton).click()
        return html.unescape(segment_panel.foot.message.text.text())

    return press


def test_the_last_result_is_saved_with_its_scale(segment_panel, viewer, press, tmp_path, qtbot):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)
    viewer.add_image(pixels, name="cells", scale=(0.5, 0.5), units=("um", "um"))
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    assert "Saved" in press(tmp_path / "result.png")
    (path,) = tmp_path.glob("result*")
    assert path.name == "result.png.tif"
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes[-2:] == "YX"
        assert np.array_equal(tif.asarray(), viewer.layers["cells labels"].data)


def test_without_a_result_or_a_name_nothing_is_written(segment_panel, viewer, press, tmp_path):
    assert "no result yet" in press(tmp_path / "x.tif")
    assert not (tmp_path / "x.tif").exists()
