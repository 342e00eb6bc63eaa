"""Paint of a real viewer that was closed, offered by the next one."""

from __future__ import annotations

import numpy as np
from finetune_kit import discs
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS
from gui_kit import dock as dock
from gui_kit import library as library
from gui_kit import viewer as viewer

from napari_unet.core.errors import UserError
from napari_unet.core.journal.records import replay
from napari_unet.gui.plugin import FinetuneDock


def opened(make_viewer):
    """The panel in another viewer with the image."""
    viewer = make_viewer()
    viewer.add_image(discs()[0], name="cells")
    panel = FinetuneDock(viewer)
    viewer.window.add_dock_widget(panel, name="Fine-tune")
    return panel


def journalled(folder):
    """The paint in the one journal there is, or None while it is being written."""
    try:
        return next(replay(path).paint for path in folder.glob("*.paint"))
    except (UserError, StopIteration):
        return None


def test_paint_of_a_closed_viewer_is_offered_next_time(
    painted_panel, viewer, library, make_napari_viewer_proxy, qtbot
):
    layer = painted_panel.form.pairs.first.labels.layer
    folder = library.folder.parent / "journal"
    qtbot.waitUntil(lambda: np.array_equal(journalled(folder), layer.data), timeout=SECONDS)
    beside = opened(make_napari_viewer_proxy)
    assert not beside.restore_offer.isVisibleTo(beside), "its viewer is at work"
    gone = []
    painted_panel.session.jobs.abandoned.connect(lambda: gone.append(True))
    layer.paint((50, 50), 3)
    viewer.close()
    qtbot.waitUntil(lambda: bool(gone), timeout=SECONDS)
    panel = opened(make_napari_viewer_proxy)
    assert panel.restore_offer.isVisibleTo(panel)
    assert np.array_equal(journalled(folder), layer.data), "the last stroke is there too"
