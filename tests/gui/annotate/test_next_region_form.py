"""*Where to paint next*."""

from __future__ import annotations

import numpy as np
import pytest
from annotate_kit import new, press_key
from annotate_kit import panel as panel
from finetune_kit import discs
from gui_kit import (
    SECONDS,
    finish_job,
    large_model,
    random_image,
    said,
    small_model,
    wait_for_jobs,
)
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QTimer
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.gui.annotate.next_region_frame import NEXT
from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.images import image_of
from napari_unet.services.segmentation.cached_outputs import cache_outputs
from napari_unet.services.segmentation.next_region import (
    next_regions,
    uncertainty_map,
    uncertainty_of,
)
from napari_unet.services.segmentation.options import SegmentOptions


@pytest.fixture
def stack(panel, viewer):
    """A stack of three planes of discs, with pixels of half a micrometre."""
    panel.session.model = small_model()
    pixels = np.stack([discs(200, seed)[0] for seed in range(3)])
    return viewer.add_image(pixels, name="cells", scale=(2, 0.5, 0.5))


def settle(panel, qtbot):
    """Wait until nothing is looked for."""
    qtbot.waitUntil(lambda: panel.next_region._at_work is None, timeout=SECONDS)
    finish_job(panel, qtbot)


def press(panel, qtbot):
    panel.next_region.next_button.click()
    settle(panel, qtbot)


def frames(viewer):
    return [layer for layer in viewer.layers if NEXT in layer.metadata]


def expected(model, layer, count=1, options=None):
    image = image_of(layer, "TZYX"[4 - layer.ndim :])
    maps = finish(cache_outputs(image, model, options or SegmentOptions()))
    return finish(next_regions(finish(uncertainty_map(maps)), count=count))


def outline(viewer):
    """The frame as plane, rows and columns."""
    (layer,) = frames(viewer)
    (corners,) = layer.data
    low, high = corners.min(axis=0), corners.max(axis=0)
    return int(low[0]), *(slice(int(a + 0.5), int(b + 0.5)) for a, b in zip(low[1:], high[1:]))


def told(place):
    return place.window.plane, place.window.rows, place.window.columns


def test_next_asks_the_network_and_goes_to_its_place(panel, viewer, stack, qtbot):
    layer = new(panel)
    press(panel, qtbot)
    first, second = expected(panel.session.model, stack, 2)
    assert outline(viewer) == told(first)
    camera = getattr(viewer, "scene", viewer).camera
    middle = [(s.start + s.stop - 1) / 4 for s in told(first)[1:]]
    there = pytest.approx(middle, abs=0.3)
    qtbot.waitUntil(lambda: camera.center[1:] == there, timeout=SECONDS)
    assert viewer.dims.current_step[0] == first.window.plane
    assert first.why in panel.next_region.reason_label.text()
    assert "Suggestion 1" in panel.next_region.reason_label.text()
    assert viewer.layers.selection.active == layer
    assert layer.mode == "paint"
    press_key(viewer, "J")
    settle(panel, qtbot)
    assert outline(viewer) == told(second)
    assert len(frames(viewer)) == 1


def test_what_segment_said_is_used_and_no_network_runs(
    panel, segment_panel, viewer, stack, qtbot, monkeypatch
):
    segment_panel.settings.mirror.value = True
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: panel.session.cached_outputs is not None, timeout=SECONDS)
    monkeypatch.setattr("napari_unet.gui.annotate.outputs_at_hand.cache_outputs", None)
    press(panel, qtbot)
    options = SegmentOptions(mirror=True)
    (place,) = expected(panel.session.model, stack, options=options)
    assert outline(viewer) == told(place)
    # another network has not been asked yet
    monkeypatch.undo()
    panel.session.model = small_model(activation="softmax", config={"out_channels": 2})
    press(panel, qtbot)
    assert outline(viewer) == told(*expected(panel.session.model, stack))
    assert "Suggestion 1" in panel.next_region.reason_label.text()


def test_paint_and_checked_frames_are_left_alone(panel, viewer, stack, qtbot):
    layer = new(panel)
    first, second = expected(panel.session.model, stack, 2)
    layer.data[first.window.plane][first.window.rows, first.window.columns] = 1
    press(panel, qtbot)
    assert outline(viewer) == told(second)
    assert not panel.next_region.checked_button.isEnabled()
    assert "Scribbles" in panel.next_region.checked_button.toolTip()
    # in classes it is what has been checked that counts
    viewer.layers.selection.active = classes = new(panel, "classes")
    classes.data[:] = 1
    panel.next_region.checked_button.click()
    (corners,) = checked_layer(viewer, stack).data
    assert np.allclose(corners, frames(viewer)[0].data[0])
    assert viewer.layers.selection.active == classes
    panel.next_region._visited.clear()
    press(panel, qtbot)
    assert outline(viewer) == told(first)


def test_the_end_is_told_and_then_it_begins_anew(panel, viewer, stack, qtbot):
    new(panel, "classes")
    for i in range(3):
        viewer.dims.set_current_step(0, i)
        panel.checks.plane_button.click()
    press(panel, qtbot)
    assert "Nothing is left" in panel.next_region.reason_label.text()
    assert not frames(viewer)
    checked_layer(viewer, stack).data = []
    press(panel, qtbot)
    assert outline(viewer) == told(*expected(panel.session.model, stack))


def test_uncertainty_is_shown_and_no_input(panel, viewer, stack, qtbot):
    layer = new(panel)
    for _ in range(2):
        panel.next_region.uncertainty_button.click()
        settle(panel, qtbot)
    (shown,) = [x for x in viewer.layers if x.name == "cells uncertainty"]
    maps = finish(cache_outputs(image_of(stack, "ZYX"), panel.session.model, SegmentOptions()))
    assert np.allclose(shown.data, finish(uncertainty_of(maps)))
    assert np.array_equal(shown.scale, stack.scale)
    assert viewer.layers.selection.active == layer
    assert panel.source.image.layers.offered == [stack]
    assert isinstance(shown, ImageLayer)


def test_channels_stay_those_of_the_newest_run(panel, segment_panel, viewer, qtbot):
    panel.session.model = model = small_model()
    pixels = random_image(2, 100, 90)
    source = viewer.add_image(pixels, name="two", axis_labels=("c", "y", "x"))
    segment_panel.image.channels[0].value = 1
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    panel.session.cached_outputs = None
    press(panel, qtbot)
    maps = finish(cache_outputs(Image(pixels, "CYX"), model, SegmentOptions(channels=(1,))))
    (place,) = finish(next_regions(finish(uncertainty_map(maps))))
    (layer,) = frames(viewer)
    assert layer.data[0].min(axis=0).tolist() == [
        place.window.rows.start - 0.5,
        place.window.columns.start - 0.5,
    ]
    assert source in viewer.layers


def test_a_small_image_and_no_annotation(panel, viewer, qtbot):
    panel.session.model = small_model()
    viewer.add_image(random_image(30, 41), name="tiny")
    press(panel, qtbot)
    (layer,) = frames(viewer)
    assert layer.data[0].max(axis=0).tolist() == [29.5, 40.5]
    press(panel, qtbot)
    assert "Nothing is left" in panel.next_region.reason_label.text()


def test_without_an_image_or_a_frame_the_buttons_say_so(panel, viewer):
    assert not panel.next_region.next_button.isEnabled()
    assert "no image" in panel.next_region.next_button.toolTip()
    viewer.add_image(np.zeros((20, 30)), name="cells")
    new(panel, "classes")
    assert panel.next_region.next_button.isEnabled()
    assert "no frame" in panel.next_region.checked_button.toolTip()


def test_an_image_that_goes_meanwhile_stops_it(panel, viewer, qtbot):
    panel.session.model = large_model()
    source = viewer.add_image(random_image(4, 512, 512), name="cells")
    panel.next_region.next_button.click()
    qtbot.waitUntil(lambda: panel.session.jobs.running, timeout=SECONDS)
    viewer.layers.remove(source)
    settle(panel, qtbot)
    assert "Cancelled" in said(panel)
    assert not frames(viewer)
    assert panel.session.cached_outputs is None


def test_cancel_leaves_things_as_they_were(panel, viewer, qtbot):
    panel.session.model = large_model()
    viewer.add_image(random_image(4, 512, 512), name="cells")
    panel.next_region.next_button.click()
    qtbot.waitUntil(lambda: panel.session.jobs.running, timeout=SECONDS)
    panel.foot.cancel.click()
    settle(panel, qtbot)
    assert not frames(viewer)
    panel.session.model = small_model()
    press(panel, qtbot)
    assert len(frames(viewer)) == 1


def test_while_another_job_runs_what_is_known_suffices(panel, viewer, stack, qtbot):
    press(panel, qtbot)
    second = expected(panel.session.model, stack, 2)[1]
    hold = [True]

    def wait():
        while hold:
            yield from finish_at_once()

    panel.session.jobs.start("Training", wait())
    panel.next_region.next_button.click()
    qtbot.waitUntil(lambda: panel.next_region._at_work is None, timeout=SECONDS)
    assert outline(viewer) == told(second)
    panel.session.cached_outputs = None
    panel.next_region.next_button.click()
    assert "Training is still running" in said(panel)
    hold.clear()
    finish_job(panel, qtbot)


def finish_at_once():
    import time

    from napari_unet.core.progress import Progress

    time.sleep(0.02)
    yield Progress(0, 1)


def test_the_window_goes_on_meanwhile(panel, viewer, qtbot):
    """A timer of the window fires while the map is made; benchmarks/loop.py tells the milliseconds."""
    viewer.add_image(random_image(2, 300, 300), name="cells")
    panel.session.model = large_model()
    ticks, timer = [], QTimer()
    timer.timeout.connect(lambda: ticks.append(panel.session.jobs.running))
    timer.start(5)
    press(panel, qtbot)
    timer.stop()
    assert sum(ticks) > 5


def test_a_panel_that_is_closed_stops_it(panel, viewer, qtbot, dock):
    session = panel.session
    session.model = large_model()
    viewer.add_image(random_image(4, 512, 512), name="cells")
    panel.next_region.next_button.click()
    qtbot.waitUntil(lambda: session.jobs.running, timeout=SECONDS)
    dock.close(panel)
    wait_for_jobs(session.jobs, qtbot)
    assert not frames(viewer)
    assert session.cached_outputs is None
