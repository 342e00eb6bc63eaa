"""What stands at the foot of a panel."""

from __future__ import annotations

import gui_kit as gui_kit

from napari_unet.gui.widgets.message import Message


def test_a_new_count_takes_the_place_of_the_one_before(qtbot):
    message = Message()
    qtbot.addWidget(message)
    message.show_text("done", "Done in 2 s.")
    message.add("448 objects")
    message.add("443 objects")
    assert message.text.text() == "<b>443 objects</b><br>Done in 2 s."
    message.show_text("note", "Settings have changed.")
    message.add("12 objects")
    assert message.text.text() == "Settings have changed."
    message.clear()
    message.add("9 objects")
    assert message.text.text() == "9 objects"
