"""Objects are gone through, the most doubtful first."""

from __future__ import annotations

import edt
import numpy as np
import pytest
from annotate_kit import objects as objects
from annotate_kit import panel as panel
from annotate_kit import press_key, record
from gui_kit import SECONDS, library
from networks import model_of
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.image.axes import Image
from napari_unet.core.unet.config import UNetConfig
from napari_unet.gui.annotate.accepted import ACCEPTED
from napari_unet.gui.layers.editing import real
from napari_unet.gui.objects.image_link import NAME
from napari_unet.services.segmentation.cached_outputs import CachedOutputs

__all__ = ["library"]
DOUBTFUL, ODD = 3, 2


@pytest.fixture
def reviewed(panel, viewer, session):
    """Four objects in a corrected result, and a network that is unsure of the third."""
    labels = np.zeros((60, 160), np.uint32)
    for i in range(4):
        labels[15:45, 10 + 40 * i : 30 + 40 * i] = i + 1
    labels[20:40, 55:60] = 0
    depth = edt.edt(labels)
    maps = np.stack([labels > 0, (labels > 0) & (depth < 1.5), depth / depth.max()])
    maps = (255 * maps).astype(np.uint8)
    maps[0][labels == DOUBTFUL] = 130
    model = model_of(UNetConfig.classic(base=2, depth=1, out_channels=3), task="objects")
    session.use(model)
    source = viewer.add_image(np.zeros(labels.shape), name="cells")
    found = viewer.add_labels(labels, name="found", metadata=record(objects=True))
    panel.source.result.choose(found)
    panel.source.correct_button.click()
    image = panel._under()[1]
    assert isinstance(image, Image)
    session.cached_outputs = CachedOutputs(image, model.spec, maps)
    assert source in viewer.layers
    return panel.annotation.layer


def listed(panel, qtbot):
    """Wait for the list."""
    review = panel.review
    qtbot.waitUntil(lambda: review.list.listed is not None, timeout=SECONDS)
    qtbot.waitUntil(lambda: not review.list._busy, timeout=SECONDS)
    return review.table.rows.columns


def test_the_most_doubtful_object_comes_first_and_accept_leads_to_the_next(
    reviewed, panel, viewer, qtbot
):
    press_key(viewer, "a")
    columns = listed(panel, qtbot)
    assert columns["label"][0] == DOUBTFUL
    assert reviewed.selected_label == DOUBTFUL
    qtbot.waitUntil(lambda: NAME in viewer.layers, timeout=SECONDS)
    camera = getattr(viewer, "scene", viewer).camera
    assert camera.center[1:] == pytest.approx((29.5, 99.5))
    assert "4 left" in panel.review.left_label.text()
    press_key(viewer, "a")
    assert "3 left" in panel.review.left_label.text()
    second = reviewed.selected_label
    assert second == panel.review.table.rows.columns["label"][0] != DOUBTFUL
    assert reviewed.metadata[ACCEPTED] == [[DOUBTFUL]]
    press_key(viewer, "Shift-A")
    assert reviewed.selected_label == DOUBTFUL
    assert reviewed.metadata[ACCEPTED] == []


def test_what_was_accepted_stays_so_in_a_new_list_until_all_are(reviewed, panel, qtbot):
    panel.review.list_button.click()
    listed(panel, qtbot)
    panel.review.accept_button.click()
    panel.review.list.forget()
    panel.review.list_button.click()
    assert DOUBTFUL not in listed(panel, qtbot)["label"]
    for _ in range(3):
        panel.review.accept_button.click()
    assert "All 4 are accepted" in panel.review.left_label.text()
    panel.review.accept_button.click()


def test_an_edit_renews_the_list_and_stays_where_one_is(reviewed, panel, qtbot):
    panel.review.list_button.click()
    listed(panel, qtbot)
    panel.review.accept_button.click()
    here, before = reviewed.selected_label, panel.review.list.listed
    gone = int(panel.review.table.rows.columns["label"][-1])
    where = np.nonzero(reviewed.data == gone)
    real(reviewed).data_setitem(where, np.zeros(len(where[0]), np.uint32))
    qtbot.waitUntil(lambda: panel.review.list.listed is not before, timeout=SECONDS)
    columns = panel.review.table.rows.columns
    assert gone not in columns["label"]
    assert columns["label"][panel.review.table.current] == here
    assert "2 left" in panel.review.left_label.text()


def test_annotations_that_the_network_disagrees_with_come_first(reviewed, panel, qtbot):
    where = np.nonzero(reviewed.data == 4)
    half = tuple(axis[: len(where[0]) // 2] for axis in where)
    real(reviewed).data_setitem(half, np.zeros(len(half[0]), np.uint32))
    panel.review_suspects(reviewed)
    columns = listed(panel, qtbot)
    assert (columns["label"][0], columns["why"][0]) == (4, "outline differs")
    assert panel.review.order.value == "disagreement"


def test_it_is_offered_for_objects_only(panel, viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    panel.source.new_kind.value = "scribbles"
    panel.source.new_button.click()
    assert not panel.review_fold.isVisibleTo(panel)
    assert not panel.review.accept_button.isEnabled()
