"""The commands of *Annotate* in napari: in its palette, and in its list of shortcuts."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import new, press_key
from gui_kit import library as library
from gui_kit import said
from gui_kit import viewer as viewer
from napari._app_model import get_app_model
from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_unet.gui.annotate.commands import COMMANDS
from napari_unet.gui.plugin import parts_of

PLUGIN = "napari-unet-studio"


def execute(name):
    """Do what napari's command palette does with a command of ours."""
    get_app_model().commands.execute_command(f"{PLUGIN}.annotate_{name}")


@pytest.fixture
def annotate(viewer):
    """The panel, over an image."""
    viewer.add_image(np.zeros((20, 30)), name="cells")
    return parts_of(viewer).open_panel("Annotate")


@pytest.fixture
def editor(annotate):
    """What napari shows under Preferences, Shortcuts; what was changed there is put back."""
    name = f"{PLUGIN}:annotate_split"
    made = ShortcutEditor()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(made, QEvent.Type.DeferredDelete)
    action_manager.unbind_shortcut(name)
    action_manager.bind_shortcut(name, "S")


def row_of(editor, name):
    """The row of a command in napari's list."""
    table = editor._table
    (row,) = (
        row
        for row in range(table.rowCount())
        if table.item(row, editor._action_col).text() == f"{PLUGIN}:annotate_{name}"
    )
    return row


def test_the_palette_has_every_command_and_says_what_it_needs(viewer):
    menus = get_app_model().menus
    listed = {item.command.id for item in menus.get_menu(menus.COMMAND_PALETTE_ID)}
    assert {f"{PLUGIN}.annotate_{name}" for name in COMMANDS} <= listed
    execute("split")
    panel = parts_of(viewer).open_panel("Annotate")
    assert "no annotation yet" in said(panel)
    assert "Split an object" in said(panel)


def test_a_command_does_what_its_key_does(annotate, viewer):
    layer, tool = new(annotate, "objects"), annotate.objects.tools["split"]
    press_key(viewer, "s")
    assert tool.isChecked()
    execute("split")
    assert not tool.isChecked()
    execute("outlines")
    assert layer.contour
    press_key(viewer, "x")
    assert not layer.contour
    execute("next_class")
    assert "is for classes and scribbles" in said(annotate)
    scribbles = new(annotate, "scribbles")
    assert scribbles.selected_label == 1
    execute("next_class")
    assert scribbles.selected_label == 2
    execute("next_class")
    assert scribbles.selected_label == 0
    execute("previous_class")
    assert scribbles.selected_label == 2


def test_a_key_that_is_changed_in_naparis_preferences_is_used_and_shown(editor, annotate, viewer):
    new(annotate, "objects")
    tool, table = annotate.objects.tools["split"], editor._table
    row = row_of(editor, "split")
    assert table.item(row, editor._action_name_col).text().endswith("Split an object")
    assert table.item(row, editor._shortcut_col).text() == "S"
    assert table.item(row_of(editor, "next_unchecked"), editor._shortcut_col).text() == ""
    table.item(row, editor._shortcut_col).setText("Q")
    press_key(viewer, "s")
    assert not tool.isChecked()
    press_key(viewer, "q")
    assert tool.isChecked()
    assert tool.text() == "Q"
    assert "Key Q" in tool.toolTip()
    stored = get_settings().shortcuts
    stored.shortcuts = {**stored.shortcuts, **editor.value()}
    ours = {name: keys for name, keys in stored.shortcuts.items() if name.startswith(PLUGIN)}
    assert {name: [str(key) for key in keys] for name, keys in ours.items()} == {
        f"{PLUGIN}:annotate_split": ["Q"]
    }
