"""*Segment* where the window matters: what is on the screen, and the closing of viewer and panel."""

from __future__ import annotations

import gui_kit
import numpy as np
import pytest
from gui_kit import SECONDS, finish_job, random_image, said, small_model, wait_for_jobs
from gui_kit import drawn as drawn
from gui_kit import library as library
from gui_kit import pace as pace
from gui_kit import segment_panel as segment_panel
from gui_kit import viewer as viewer
from napari.layers import Labels

from napari_unet.core.progress import finish
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.plugin import SegmentDock
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment


def labels_of(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


@pytest.fixture
def slow(segment_panel):
    """The panel with an image and a network that keep it busy for a while."""
    segment_panel.viewer.add_image(random_image(3, 512, 512), name="cells")
    segment_panel.session.model = gui_kit.large_model()
    return segment_panel


def begin(panel, qtbot):
    panel.segment_button.click()
    qtbot.waitUntil(lambda: panel.session.jobs.running, timeout=SECONDS)


@pytest.mark.usefixtures("drawn")
def test_preview_gives_the_same_labels_for_what_is_on_the_screen_only(segment_panel, viewer, qtbot):
    image = viewer.add_image(random_image(3, 200, 300), name="cells", scale=(1, 0.5, 0.5))
    viewer.dims.set_point(0, 2)
    camera = getattr(viewer, "scene", viewer).camera
    camera.center, camera.zoom = (0, 50, 75), 12
    qtbot.wait(200)
    segment_panel.preview_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    assert made.name == "cells preview"
    assert made.data.shape[0] == 1
    assert made.data.size < 200 * 300 / 2
    whole = finish(segment(image_of(image, "ZYX"), small_model())).labels
    start = np.round(np.asarray(made.translate) / made.scale).astype(int)
    inside = tuple(slice(s, s + n) for s, n in zip(start, made.data.shape, strict=True))
    assert start[0] == 2
    assert np.array_equal(made.data, whole[inside])


@pytest.mark.usefixtures("drawn")
def test_a_fast_preview_follows_the_view_and_the_settings(
    segment_panel, viewer, qtbot, monkeypatch
):
    # however busy the machine is
    monkeypatch.setattr("napari_unet.gui.segment.following.FAST_S", 1000.0)
    image = viewer.add_image(random_image(3, 200, 300), name="cells")
    camera = getattr(viewer, "scene", viewer).camera
    camera.center, camera.zoom = (0, 50, 75), 12
    qtbot.wait(200)
    segment_panel.preview_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: "It follows the view" in said(segment_panel), timeout=SECONDS)
    (made,) = labels_of(viewer)
    whole = finish(segment(image_of(image, "ZYX"), small_model())).labels

    def right(labels=whole):
        start = np.round(np.asarray(made.translate)).astype(int)
        inside = tuple(slice(s, s + n) for s, n in zip(start, made.data.shape, strict=True))
        return np.array_equal(made.data, labels[inside])

    first = tuple(made.translate)
    camera.center = (0, 120, 200)
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: tuple(made.translate) != first and right(), timeout=SECONDS)
    assert made.translate[0] == 2
    assert not made.editable, "a stroke would be lost"
    segment_panel.settings.threshold.value = 0.9
    higher = SegmentOptions(threshold=0.9)
    strict = finish(segment(image_of(image, "ZYX"), small_model(), higher)).labels
    qtbot.waitUntil(lambda: right(strict), timeout=SECONDS)
    assert labels_of(viewer) == [made]
    segment_panel.segment_button.click()
    assert made.editable
    finish_job(segment_panel, qtbot)
    shown = made.data
    camera.center = (0, 50, 75)
    qtbot.wait(250)
    assert made.data is shown, "it follows no longer"


@pytest.mark.usefixtures("drawn")
def test_a_slow_preview_stays_where_it_is(segment_panel, viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.gui.segment.following.FAST_S", 0.0)
    viewer.add_image(random_image(200, 300), name="cells")
    qtbot.wait(200)
    segment_panel.preview_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    qtbot.waitUntil(lambda: made.editable, timeout=SECONDS)
    assert "follows" not in said(segment_panel)


def test_closing_the_viewer_stops_the_run_without_a_word(slow, viewer, qtbot, caplog):
    begin(slow, qtbot)
    run = slow.session.jobs._task.run
    qtbot.wait(300)
    viewer.close()
    qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert run.outcome.cancelled
    assert caplog.records == []


def test_closing_the_panel_leaves_nothing_behind_that_breaks(slow, viewer, qtbot):
    slow.session.model = small_model()
    viewer.add_image(random_image(20, 128, 128), name="stack")
    begin(slow, qtbot)
    jobs, words, gone = slow.session.jobs, [], []
    for told in (jobs.reported, jobs.cautioned):
        told.connect(words.append)
    run = jobs._task.run
    run.pause()
    slow.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget(slow)
    qtbot.waitUntil(lambda: bool(gone), timeout=SECONDS)
    viewer.add_image(random_image(30, 40), name="another")
    again = SegmentDock(viewer)
    viewer.window.add_dock_widget(again, name="Segment again")
    assert again.foot.cancel.isVisibleTo(again)
    run.go_on()
    wait_for_jobs(jobs, qtbot)
    qtbot.waitUntil(lambda: len(words) == 1, timeout=SECONDS)
    assert "stack labels" in words[0]
    assert "Done" in said(again)
