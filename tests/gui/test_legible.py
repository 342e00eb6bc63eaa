"""What stands in the panels can be read: in both themes, and on a screen that is scaled up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from gui_kit import library as library
from gui_kit import viewer as viewer
from legible_kit import contrast, controls, cut_in, tip_of, unfold
from napari.utils.theme import get_theme
from places import REPOSITORY
from qtpy.QtCore import Qt
from qtpy.QtGui import QPalette

import napari_unet
from napari_unet.gui.layers.editing import real
from napari_unet.gui.plugin import PAGES, StudioDock
from napari_unet.gui.widgets.fields import MAIN, text
from napari_unet.gui.widgets.theme import ON_DARK, ON_LIGHT, ThemedLabel

LEAST = 4.5
"""Contrast of text by WCAG 2.1, level AA."""
LEAST_OF_CURVES = 3.0
GUI = Path(napari_unet.__file__).parent / "gui"
KIT = REPOSITORY / "tests" / "support" / "legible_kit.py"


@pytest.fixture
def studio(viewer):
    """All panels in their dock."""
    panel = StudioDock(viewer)
    viewer.window.add_dock_widget(panel, name="U-Net Studio")
    return panel


@pytest.mark.parametrize(("theme", "tones"), [("dark", ON_DARK), ("light", ON_LIGHT)])
def test_the_tones_stand_out_from_the_theme(theme, tones):
    ground = get_theme(theme).background.as_hex()
    for name, colour in asdict(tones).items():
        least = LEAST_OF_CURVES if name == "loss" else LEAST
        assert contrast(colour, ground) >= least, (theme, name)


def test_the_main_button_can_be_read():
    rules = re.findall(r"background-color: (#\w+); color: (#\w+)", MAIN)
    grounds = re.findall(r"background-color: (#\w+)", MAIN)
    written = rules[0][1]
    pairs = {*rules, *((ground, written) for ground in grounds[:-1])}
    assert len(pairs) == len(grounds)
    assert all(contrast(*pair) >= LEAST for pair in pairs)


def test_no_other_text_has_a_fixed_colour():
    fixed = {
        path.name: found
        for path in GUI.rglob("*.py")
        if (found := re.findall(r"(?<![-\w])color: *(?!var\(|\{)[#\w]+", path.read_text("utf-8")))
    }
    assert set(fixed) == {"fields.py"}
    assert len(fixed["fields.py"]) == len(re.findall(r"(?<!-)color:", MAIN))


def test_texts_follow_the_theme(viewer, studio, qtbot):
    told = text("<b style='color: var(--good)'>better</b>")
    studio.layout().addWidget(told)
    caption = studio.findChildren(ThemedLabel)[0]

    def seen(tones):
        colour = caption.palette().color(QPalette.ColorRole.WindowText).name()
        return colour == tones.dim and tones.good in told.text()

    for theme, tones in (("light", ON_LIGHT), ("dark", ON_DARK), ("light", ON_LIGHT)):
        viewer.theme = theme
        qtbot.waitUntil(lambda tones=tones: seen(tones), timeout=5000)


def test_every_control_explains_itself_and_can_be_reached_by_keyboard(viewer, studio):
    viewer.open_sample("napari-unet-studio", "nuclei")
    silent, unreached = [], []
    for title in PAGES:
        page = studio.show_page(title)
        if title == "Annotate":
            page.source.new_button.click()
        unfold(page)
        for control in controls(page):
            name = title, type(control).__name__, getattr(control, "text", str)()
            if control.isVisibleTo(page) and not tip_of(control):
                silent.append(name)
            if not control.focusPolicy() & Qt.FocusPolicy.TabFocus:
                unreached.append(name)
    assert silent == []
    assert unreached == []


def in_a_process(scale):
    """What is cut in a window on a screen that is scaled up."""
    end = subprocess.run(
        [sys.executable, "-W", "ignore", str(KIT)],
        env={**os.environ, "QT_SCALE_FACTOR": scale},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(end.stdout.strip().splitlines()[-1])


def assert_nothing_is_cut(found):
    assert found["cut"] == {title: [] for title in PAGES}
    assert found["wide"] == [], "a layer has a long name"
    assert found["tabs fit"]
    assert found["project"] == "not saved"
    assert found["fits"]


def test_nothing_is_cut_in_a_small_window(viewer):
    found = cut_in(real(viewer))
    assert found["scale"] == 1
    assert_nothing_is_cut(found)


def test_nothing_is_cut_on_a_screen_that_is_scaled_up():
    found = in_a_process("1.5")
    assert found["scale"] == 1.5
    assert_nothing_is_cut(found)
